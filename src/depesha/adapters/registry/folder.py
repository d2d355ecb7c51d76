"""The outbox folder, for registries that can only write files.

A document is `NAME.json` (the same JSON as the part `message` of `POST /messages`) with its files
beside it, or a folder `NAME` with `message.json` and the files in it. It is taken only when it is
said to be complete: by an empty file `NAME.ready`, written last, or by renaming the whole folder
to `NAME.ready`. `files[].part` are names of files; a folder without `files` sends all it holds.

The outcome is `NAME.accepted.json` or `NAME.refused.json`, with the defects in words; the document
then lies in `done` or `refused`. What waits in `work` is taken up again after a crash: the key is
made of name and content, so that it is never a second document.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from depesha.adapters.registry import folder_files
from depesha.adapters.registry.folder_files import FolderFiles
from depesha.adapters.registry.gate import validated
from depesha.adapters.registry.outbound_showing import defect_views
from depesha.adapters.registry.problems import INVALID, FieldError, Problem, problem_of
from depesha.adapters.registry.spooling import SpooledFile
from depesha.adapters.registry.submission import Submission
from depesha.errors import ConflictError, DefectsError, DepeshaError, WireError

if TYPE_CHECKING:
    from pathlib import Path

    from depesha.adapters.registry.drafting import Submitter
    from depesha.ports import Clock, Observer, Threads
    from depesha.schemas.outbound import Submitted

ACTOR = "outbox"


@dataclass(slots=True)
class _Read:
    """A document as it was read: words, files on spools, and the key that both make."""

    words: Submission
    key: str
    files: list[SpooledFile] = field(default_factory=list)


class OutboxFolder:
    """Submits what a registry puts into a folder. One process looks at it, one look at a time."""

    def __init__(
        self,
        folder: Path,
        *,
        submitter: Submitter,
        threads: Threads,
        clock: Clock,
        observer: Observer,
        language: str = "bg",
    ) -> None:
        """`folder` exists and is ours to write in; `language` is that of refusals."""
        self._folder = folder
        self._submitter = submitter
        self._threads = threads
        self._clock = clock
        self._observer = observer
        self._language = language

    async def look(self) -> int:
        """Take every complete document; return how many were brought to an end, good or bad.

        What cannot be brought to an end now (a full disk, a store that is away) waits for the next
        look. Raises `StorageError` where the folder itself cannot be worked in.
        """
        limit = self._submitter.limits.message_bytes
        files = await self._threads.run(FolderFiles, self._folder, words_bytes=limit)
        names = await self._threads.run(files.claim)
        if files.stuck:
            self._observer.trouble("outbox", "STUCK")
        return sum([await self._bring_to_an_end(files, name) for name in names])

    async def _bring_to_an_end(self, files: FolderFiles, name: str) -> bool:
        try:
            return await self._one(files, name)
        except DepeshaError as error:
            self._observer.trouble("outbox", error.code)
            return False

    async def _one(self, files: FolderFiles, name: str) -> bool:
        spooled: list[SpooledFile] = []
        try:
            read = await self._threads.run(self._read, files, name, spooled)
            done = await self._submitter.submit(read.words, read.files, key=read.key, actor=ACTOR)
        except (Problem, DefectsError, ConflictError, WireError) as error:
            result = await self._threads.run(self._refusal, error)
            await self._threads.run(files.tell, name, folder_files.REFUSED_RESULT, result)
            await self._threads.run(files.finish, name, folder_files.REFUSED)
            return True
        finally:
            for file in spooled:
                file.spool.discard()
        result = self._acceptance(done, read.key)
        await self._threads.run(files.tell, name, folder_files.ACCEPTED_RESULT, result)
        await self._threads.run(files.finish, name, folder_files.DONE)
        return True

    def _read(self, files: FolderFiles, name: str, spooled: list[SpooledFile]) -> _Read:
        """Copy a document to spools; blocks. The caller discards `spooled`, whatever happens."""
        data = files.words(name)
        words = validated(Submission, data)
        if not isinstance(words, Submission):
            raise TypeError("a submission was validated as something else")
        hashed = hashlib.sha256(f"{name}\n".encode())
        hashed.update(hashlib.sha256(data).digest())
        for part in self._parts(files, name, words):
            file = SpooledFile(part=part, name=part, media_type="", spool=self._submitter.spool())
            spooled.append(file)
            self._copy(files, name, file, sum(f.spool.size for f in spooled))
            hashed.update(f"{part}\n{file.spool.digest()}\n".encode())
        return _Read(words=words, key=f"folder-{hashed.hexdigest()}", files=spooled)

    def _parts(self, files: FolderFiles, name: str, words: Submission) -> tuple[str, ...]:
        named = words.files
        parts = files.names(name) if named is None else tuple(file.part for file in named)
        faults = [
            FieldError(pointer=f"/files/{number}/part", detail="must be a plain name of a file")
            for number, part in enumerate(parts)
            if not folder_files.plain_name(part) or part == folder_files.WORDS
        ]
        if len(parts) > self._submitter.limits.files:
            faults.append(FieldError(pointer="/files", detail="too many files"))
        if faults:
            raise Problem(INVALID, errors=faults)
        return parts

    def _copy(self, files: FolderFiles, name: str, file: SpooledFile, before: int) -> None:
        limits = self._submitter.limits
        most = min(limits.file_bytes, limits.total_bytes - before)
        try:
            with files.content(name, file.part) as pieces:
                file.spool.write(())
                for piece in pieces:
                    file.spool.write((piece,))
                    _judge_size(file, most)
        except WireError as error:
            fault = FieldError(pointer="/files", detail=f"{file.part[:64]}: {error.public}")
            raise Problem(INVALID, errors=(fault,)) from None

    def _acceptance(self, done: Submitted, key: str) -> dict[str, Any]:
        message = done.message
        return {
            "id": message.id,
            "state": "SUBMITTED",
            "document": {"guid": message.dispatch.document.guid},
            "idempotency_key": key,
            "at": self._clock.now().isoformat(),
        }

    def _refusal(self, error: Problem | DepeshaError) -> dict[str, Any]:
        problem = error if isinstance(error, Problem) else problem_of(error)
        told: dict[str, Any] = {
            "code": problem.kind.code,
            "title": problem.kind.title,
            "detail": problem.detail,
            "remedy": problem.kind.remedy,
            "at": self._clock.now().isoformat(),
        }
        if problem.errors:
            told["errors"] = [fault.model_dump(exclude_defaults=True) for fault in problem.errors]
        if isinstance(error, DefectsError):
            views = defect_views(error.defects, self._language)
            told["defects"] = [view.model_dump() for view in views]
        return told


def _judge_size(file: SpooledFile, most: int) -> None:
    if file.spool.size > most:
        raise WireError("a file is too large, or all of them together are")
