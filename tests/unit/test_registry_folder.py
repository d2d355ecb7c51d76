"""The outbox folder: taken when complete, once, never outside itself, with the outcome in words."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.system import InlineThreads
from depesha.adapters.registry.folder import OutboxFolder
from depesha.adapters.registry.folder_files import FolderFiles
from depesha.adapters.registry.settings import SubmissionLimits
from depesha.adapters.system import SystemClock
from depesha.errors import StorageError
from tests.support.registry import TwoParticipants
from tests.support.registry_outbound import PDF, WORDS, OutboundBody

LISTED = WORDS | {"files": [{"part": "letter.pdf", "name": "Писмо.pdf"}]}


@dataclass
class Stand:
    base: Path
    observer: RecordingObserver = field(default_factory=RecordingObserver)

    def __post_init__(self) -> None:
        clock, threads = SystemClock(), InlineThreads()
        self.place = self.base / "out"
        self.place.mkdir()
        self.body = OutboundBody(
            blobs=MemoryBlobs(self.base / "blobs", clock),
            threads=threads,
            clock=clock,
            observer=self.observer,
            directories=(TwoParticipants(),),
            limits=SubmissionLimits(file_bytes=10_000, total_bytes=15_000, message_bytes=5_000),
        )
        self.folder = OutboxFolder(
            self.place,
            submitter=self.body.submitter,
            threads=threads,
            clock=clock,
            observer=self.observer,
        )

    @property
    def documents(self) -> list[Any]:
        return list(self.body.outbox.documents.values())

    def put(self, name: str, words: Any = LISTED, files: dict[str, bytes] | None = None) -> None:
        """A document as `NAME.json` with files beside it, complete."""
        for file, content in ({"letter.pdf": PDF} if files is None else files).items():
            (self.place / file).write_bytes(content)
        (self.place / f"{name}.json").write_text(json.dumps(words), encoding="utf-8")
        (self.place / f"{name}.ready").touch()

    def put_folder(
        self, name: str, words: Any = WORDS, files: dict[str, bytes] | None = None
    ) -> Path:
        """A document as a folder, not yet said to be complete."""
        place = self.place / name
        place.mkdir()
        for file, content in ({"letter.pdf": PDF} if files is None else files).items():
            (place / file).write_bytes(content)
        (place / "message.json").write_text(json.dumps(words), encoding="utf-8")
        return place

    def result(self, name: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.place / name).read_text(encoding="utf-8"))
        return told

    def spools(self) -> list[Path]:
        return list((self.base / "blobs" / "spool").iterdir())


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path)
    yield made
    assert made.spools() == []


async def test_a_document_of_files_is_taken_and_told(stand: Stand) -> None:
    stand.put("17")
    assert await stand.folder.look() == 1
    (document,) = stand.documents
    assert document.actor == "outbox"
    assert [file.name for file in document.dispatch.files] == ["Писмо.pdf"]
    told = stand.result("17.accepted.json")
    assert told["id"] == document.id
    assert told["document"]["guid"] == document.dispatch.document.guid
    assert sorted(p.name for p in (stand.place / "done" / "17").iterdir()) == [
        "letter.pdf",
        "message.json",
    ]
    assert sorted(p.name for p in stand.place.iterdir()) == [
        "17.accepted.json",
        "done",
        "refused",
        "work",
    ]
    assert await stand.folder.look() == 0


@pytest.mark.parametrize("marked", ["renamed", "marker"])
async def test_a_folder_is_taken_with_all_it_holds(stand: Stand, marked: str) -> None:
    place = stand.put_folder("писмо 1.tmp", files={"b.pdf": PDF, "a.pdf": PDF + b"%"})
    assert await stand.folder.look() == 0
    if marked == "renamed":
        place.rename(stand.place / "писмо 1.ready")
    else:
        place.rename(stand.place / "писмо 1")
        assert await stand.folder.look() == 0
        (stand.place / "писмо 1.ready").touch()
    assert await stand.folder.look() == 1
    (document,) = stand.documents
    assert [file.name for file in document.dispatch.files] == ["a.pdf", "b.pdf"]
    assert (stand.place / "done" / "писмо 1" / "a.pdf").is_file()
    assert not (stand.place / "писмо 1.ready").exists()


async def test_nothing_is_taken_before_it_is_said_to_be_complete(stand: Stand) -> None:
    stand.put("17")
    (stand.place / "17.ready").unlink()
    assert await stand.folder.look() == 0
    assert (stand.place / "letter.pdf").exists()
    (stand.place / "17.ready").touch()
    assert await stand.folder.look() == 1


async def test_a_marker_that_comes_too_early_waits(stand: Stand) -> None:
    (stand.place / "17.ready").touch()
    assert await stand.folder.look() == 0
    stand.put("17")
    assert await stand.folder.look() == 1


async def test_defects_go_back_in_words_with_the_files(stand: Stand) -> None:
    stand.put("17", LISTED | {"document": {}, "scan_instead": ""})
    assert await stand.folder.look() == 1
    told = stand.result("17.refused.json")
    assert [d["reason"] for d in told["defects"]] == ["NUMBER_MISSING", "SIGNATURE_MISSING"]
    assert told["defects"][0]["sentence"] == "Документът няма регистрационен номер и дата."
    assert (stand.place / "refused" / "17" / "letter.pdf").is_file()
    assert stand.documents == []
    stand.put("17")
    assert await stand.folder.look() == 1
    assert not (stand.place / "17.refused.json").exists()
    assert len(stand.documents) == 1


@pytest.mark.parametrize(
    ("words", "files", "pointer"),
    [
        (WORDS | {"files": [{"part": "missing.pdf"}]}, {}, "/files"),
        (WORDS | {"files": [{"part": "../secret"}]}, {}, "/files/0/part"),
        (WORDS | {"files": [{"part": "/etc/passwd"}]}, {}, "/files/0/part"),
        (WORDS | {"files": [{"part": ".."}]}, {}, "/files/0/part"),
        (WORDS | {"files": [{"part": ".hidden"}]}, {".hidden": PDF}, "/files/0/part"),
        (WORDS | {"files": [{"part": "message.json"}]}, {}, "/files/0/part"),
        (LISTED, {"letter.pdf": b"x" * 10_001}, "/files"),
        (LISTED | {"subjekt": "x"}, None, "/subjekt"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_a_pointer(
    stand: Stand, words: Any, files: dict[str, bytes] | None, pointer: str
) -> None:
    (stand.base / "secret").write_bytes(PDF)
    stand.put("17", words, files)
    assert await stand.folder.look() == 1
    told = stand.result("17.refused.json")
    assert told["code"] == "INVALID"
    assert [error["pointer"] for error in told["errors"]] == [pointer]
    assert stand.documents == []
    assert (stand.base / "secret").exists()


@pytest.mark.parametrize(
    "data", [b"", b"[", b"[]", b'{"files": 7}', b'{"files": [7]}', b"x" * 6_000]
)
async def test_words_that_are_none_are_refused(stand: Stand, data: bytes) -> None:
    stand.put("17")
    (stand.place / "17.json").write_bytes(data)
    assert await stand.folder.look() == 1
    assert stand.result("17.refused.json")["code"] in {"MALFORMED", "INVALID", "TOO_LARGE"}
    assert not (stand.place / "17.ready").exists()


@pytest.mark.parametrize("what", ["file", "words", "folder", "pipe"])
async def test_links_and_pipes_are_refused_and_not_followed(stand: Stand, what: str) -> None:
    secret = stand.base / "secret"
    secret.mkdir()
    (secret / "letter.pdf").write_bytes(PDF)
    (secret / "message.json").write_text(json.dumps(WORDS), encoding="utf-8")
    match what:
        case "file":
            stand.put("17", files={})
            (stand.place / "letter.pdf").symlink_to(secret / "letter.pdf")
        case "words":
            stand.put("17")
            (stand.place / "17.json").unlink()
            (stand.place / "17.json").symlink_to(secret / "message.json")
        case "folder":
            (stand.place / "17").symlink_to(secret)
            (stand.place / "17.ready").touch()
        case _:
            stand.put("17", files={})
            os.mkfifo(stand.place / "letter.pdf")
    async with asyncio.timeout(5):
        assert await stand.folder.look() == 1
    assert (stand.place / "17.refused.json").exists()
    assert stand.documents == []
    assert (secret / "letter.pdf").exists()
    assert not (stand.place / "work" / "17").exists()


async def test_a_folder_of_ours_that_is_a_link_stops_the_work(stand: Stand) -> None:
    (stand.place / "done").symlink_to(stand.base)
    stand.put("17")
    with pytest.raises(StorageError):
        await stand.folder.look()
    assert stand.documents == []


@pytest.mark.parametrize("name", [".hidden", "a.accepted", "done", "ж" * 120, "new\nline"])
async def test_a_name_that_cannot_be_used_is_told_and_stops_nobody(stand: Stand, name: str) -> None:
    (stand.place / f"{name}.ready").touch()
    stand.put("17")
    assert await stand.folder.look() == 1
    assert ("outbox", "STUCK") in stand.observer.named("trouble")


# --- deaths ---


class DiedError(BaseException):
    """The process dies here."""


def dying(stand: Stand, monkeypatch: pytest.MonkeyPatch, method: str, *, before: bool) -> None:
    real = getattr(FolderFiles, method)

    def die(self: FolderFiles, *words: Any) -> None:
        if not before:
            real(self, *words)
        raise DiedError

    monkeypatch.setattr(FolderFiles, method, die)


@pytest.mark.parametrize("method", ["tell", "finish"])
@pytest.mark.parametrize("before", [True, False])
async def test_a_death_after_the_commit_makes_no_second_document(
    stand: Stand, method: str, *, before: bool
) -> None:
    stand.put("17")
    with pytest.MonkeyPatch.context() as deadly:
        dying(stand, deadly, method, before=before)
        with pytest.raises(DiedError):
            await stand.folder.look()
    assert len(stand.documents) == 1
    await stand.folder.look()
    (document,) = stand.documents
    assert stand.result("17.accepted.json")["id"] == document.id
    assert (stand.place / "done" / "17" / "letter.pdf").is_file()
    assert list((stand.place / "work").iterdir()) == []


@pytest.mark.parametrize("step", range(8))
async def test_a_death_while_files_are_taken_aside_loses_none(stand: Stand, step: int) -> None:
    words = WORDS | {"files": [{"part": "a.pdf"}, {"part": "b.pdf"}]}
    stand.put("17", words, {"a.pdf": PDF, "b.pdf": PDF + b"%"})
    calls = 0

    def counted(real: Any) -> Any:
        def call(*words: Any, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > step:
                raise DiedError
            return real(*words, **more)

        return call

    with pytest.MonkeyPatch.context() as deadly:
        for name in ("rename", "unlink"):
            deadly.setattr(os, name, counted(getattr(os, name)))
        with contextlib.suppress(DiedError):
            await stand.folder.look()
    await stand.folder.look()
    (document,) = stand.documents
    assert [file.name for file in document.dispatch.files] == ["a.pdf", "b.pdf"]
    assert sorted(p.name for p in (stand.place / "done" / "17").iterdir()) == [
        "a.pdf",
        "b.pdf",
        "message.json",
    ]


async def test_a_full_disk_keeps_a_document_for_the_next_look(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.put("17")

    def full(*_: object, **__: object) -> None:
        raise StorageError("full")

    with monkeypatch.context() as broken:
        broken.setattr(stand.body.blobs, "put", full)
        assert await stand.folder.look() == 0
    assert ("outbox", "STORAGE") in stand.observer.named("trouble")
    assert await stand.folder.look() == 1
    assert len(stand.documents) == 1


async def test_the_same_document_again_is_the_same_and_another_of_its_name_is_another(
    stand: Stand,
) -> None:
    stand.put("17")
    await stand.folder.look()
    first = stand.result("17.accepted.json")["id"]
    stand.put("17")
    await stand.folder.look()
    assert stand.result("17.accepted.json")["id"] == first
    stand.put("17", LISTED | {"subject": "Друго"})
    await stand.folder.look()
    assert stand.result("17.accepted.json")["id"] != first
    assert len(stand.documents) == 2
    assert sorted(p.name for p in (stand.place / "done").iterdir()) == ["17", "17-2", "17-3"]
