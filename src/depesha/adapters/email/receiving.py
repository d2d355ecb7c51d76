"""Reads the mailbox: each new mail is kept, understood and handed to the gateway, once.

Documents and words count only signed by a known partner. What is none of these is left where it
lies, unseen, and named for a person. Nothing that is itself an answer is ever answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from depesha.adapters.email.mailbox import Mailbox, Waiting
from depesha.adapters.email.places import Again, LeftMail, Places, PlacesFile
from depesha.adapters.email.reading import MailReader
from depesha.adapters.email.sorting import Left, Postponed, Settled, Sorter, Sorting
from depesha.errors import (
    BrokenOffError,
    BusyError,
    DepeshaError,
    PeerError,
    StorageError,
    TooLargeError,
    UnreachableError,
    WireError,
)
from depesha.ports import BlobStore, Clock, Intake, Observer, Threads
from depesha.schemas.dispatch import EMAIL

BATCH: Final = 200
"""Mails of one look."""
TRIES: Final = 12
_CLEAR_SECONDS: Final = 10.0
"""How long a person waits for the end of a look."""
_FIRST_WAIT: Final = timedelta(seconds=30)
_LONGEST_WAIT: Final = timedelta(hours=6)


class MailReceiver:
    """Looks into one mailbox, again and again. One look at a time."""

    def __init__(
        self,
        *,
        mailbox: Mailbox,
        places: PlacesFile,
        reader: MailReader,
        sorter: Sorter,
        blobs: BlobStore,
        mail_bytes: int,
        threads: Threads,
        clock: Clock,
        observer: Observer,
    ) -> None:
        """`mail_bytes`: larger mails are not fetched."""
        self._mailbox = mailbox
        self._file = places
        self._reader = reader
        self._sorter = sorter
        self._blobs = blobs
        self._mail_bytes = mail_bytes
        self._threads = threads
        self._clock = clock
        self._observer = observer
        self._looking = asyncio.Lock()
        self._places: Places | None = None

    async def poll(self, intake: Intake) -> int:
        """Look once; return how many mails were handled. Safe to repeat, after a death too.

        Raises `UnreachableError`, `PeerError` or `BrokenOffError` where the mailbox fails, and
        `StorageError` where nothing can be kept: the same mails are then looked at next time.
        """
        async with self._looking:
            places = await self._known()
            await self._mailbox.open()
            try:
                return await self._look(intake, places)
            finally:
                await self._mailbox.close()

    async def left(self) -> tuple[LeftMail, ...]:
        """Return the mails that wait for a person, oldest first."""
        return (await self._known()).left

    async def numbering(self) -> int:
        """Return under which numbering of the mailbox the mails are named."""
        return (await self._known()).validity

    async def clear(self, numbering: int, uids: Collection[int]) -> int:
        """Take mails off the list; they stay where they lie. Return how many were on it.

        Raises `BusyError` where a look into the mailbox does not end, `StorageError`.
        """
        try:
            async with asyncio.timeout(_CLEAR_SECONDS):
                await self._looking.acquire()
        except TimeoutError:
            raise BusyError("the mailbox is being read", remedy="try again in a minute") from None
        try:
            places = await self._known()
            after = places.cleared(uids if places.validity == numbering else ())
            gone = len(places.left) - len(after.left)
            if gone:
                await self._keep(after)
            return gone
        finally:
            self._looking.release()

    async def _known(self) -> Places:
        if self._places is None:
            self._places = await self._threads.run(self._file.load)
        return self._places

    async def _keep(self, places: Places) -> None:
        await self._threads.run(self._file.save, places)
        self._places = places

    async def _look(self, intake: Intake, places: Places) -> int:
        listing = await self._mailbox.new(places.cursor, BATCH)
        if listing.renewed:
            places = places.renewed(listing.validity)
            await self._keep(places)
        now = self._clock.now()
        due = [uid for uid, again in places.again.items() if again.due_at <= now]
        # What failed before waits behind what is new: nothing stops the others.
        waiting = (*listing.mails, *(Waiting(uid=uid, size=0) for uid in due))
        for one in waiting:
            places = await self._one(intake, one, places)
            await self._keep(places)
        if places.quiet and len(listing.mails) < BATCH:
            await self._keep(replace(places, quiet=False))
        return len(waiting)

    async def _one(self, intake: Intake, waiting: Waiting, places: Places) -> Places:
        """Handle one mail. A broken connection ends the look; the mail's turn comes later."""
        try:
            sorting = await self._handle(intake, waiting, quiet=places.quiet)
        except (BrokenOffError, PeerError, UnreachableError) as error:
            await self._keep(self._later(places, waiting, error.code))
            raise
        match sorting:
            case Settled(ours=ours):
                if ours:
                    await self._mailbox.seen(waiting.uid)
                return places.done(waiting.uid)
            case Left():
                self._observer.word(EMAIL, "left")
                return places.given_up(self._named(waiting, sorting))
            case Postponed(code=code):
                return self._later(places, waiting, code)

    def _later(self, places: Places, waiting: Waiting, code: str) -> Places:
        before = places.again.get(waiting.uid)
        tries = 1 if before is None else before.tries + 1
        self._observer.trouble("email.receiver", code)
        if tries >= TRIES:
            return places.given_up(self._named(waiting, Left(why=code)))
        wait = min(_FIRST_WAIT * 2 ** (tries - 1), _LONGEST_WAIT)
        return places.postponed(waiting.uid, Again(due_at=self._clock.now() + wait, tries=tries))

    def _named(self, waiting: Waiting, left: Left) -> LeftMail:
        mail = left.mail
        return LeftMail(
            uid=waiting.uid,
            why=left.why,
            at=self._clock.now(),
            size=waiting.size,
            message_id=mail.message_id if mail else "",
            sender=mail.sender if mail else "",
            subject=mail.subject if mail else "",
        )

    async def _handle(self, intake: Intake, waiting: Waiting, *, quiet: bool) -> Sorting:
        if waiting.size > self._mail_bytes:
            return Left(why="TOO_LARGE")
        path = self._blobs.spool()
        try:
            size = await self._mailbox.fetch(waiting.uid, path)
            at = self._clock.now()
            mail = await self._threads.run(self._reader.read, path, at)
            self._observer.arrived(EMAIL, size)
            return await self._sorter.sort(
                intake, mail, path, size=size, received_at=at, quiet=quiet
            )
        except TooLargeError:
            return Left(why="TOO_LARGE")
        except WireError as error:
            # Either gone from the mailbox in between, or in no form of a mail.
            gone = not await self._threads.run(_has_bytes, path)
            return Settled(ours=False) if gone else Left(why=error.code)
        except (BrokenOffError, PeerError, UnreachableError, StorageError):
            raise
        except DepeshaError as error:
            return Postponed(code=error.code)
        except Exception as error:  # noqa: BLE001 -- one mail must never stop all others
            self._observer.trouble("email.receiver", type(error).__name__)
            return Left(why="FAILED_HERE")
        finally:
            await self._threads.run(_remove, path)


def _has_bytes(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
