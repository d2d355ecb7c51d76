"""Puts the parts of the ISDS channel together, in one place. It does nothing else."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from depesha.adapters.isds.answering import IsdsAnswers
from depesha.adapters.isds.big_client import IsdsBigClient
from depesha.adapters.isds.calling import Hosts, Login, Session, SessionLimits
from depesha.adapters.isds.checking import ZfoChecker, ZfoRules
from depesha.adapters.isds.dialect import Dialect
from depesha.adapters.isds.directory import IsdsDirectory
from depesha.adapters.isds.extracting import IsdsExtractor
from depesha.adapters.isds.ledger import LedgerFile
from depesha.adapters.isds.notifying import IsdsNotifier
from depesha.adapters.isds.outbound import IsdsOutbound
from depesha.adapters.isds.parties import Partner, PartnerBook
from depesha.adapters.isds.reaching import Reacher
from depesha.adapters.isds.receiving import IsdsReceiver
from depesha.adapters.isds.sent import SentMessages
from depesha.adapters.isds.taking import Taker
from depesha.adapters.isds.watching import SentWatch
from depesha.adapters.isds.zfo import ZfoLimits
from depesha.adapters.revocation import RevocationLists
from depesha.adapters.trust import CertificateJudge, TrustPolicy
from depesha.errors import ConfigurationError

if TYPE_CHECKING:
    from depesha.adapters.isds.polling import PollReport
    from depesha.adapters.isds.receiving import Parked
    from depesha.adapters.isds.settings import IsdsBoxSettings, IsdsSettings
    from depesha.ports import (
        BlobStore,
        Checkpoint,
        Clock,
        ContentInspector,
        IdSource,
        Intake,
        Jitter,
        Journal,
        MessageStore,
        Observer,
        Restored,
        Threads,
    )
    from depesha.schemas.envelope import Party
    from depesha.schemas.policy import Limits
    from depesha.schemas.verdict import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class IsdsEnvironment:
    """What the channel is given by the house."""

    settings: IsdsSettings
    own: Party
    path: Callable[[str], Path]
    """Where a file named in the settings lies."""
    folder: Path
    """Where the channel keeps two state files for each box: the store's own folder."""
    limits: Limits
    blobs: BlobStore
    store: MessageStore
    journal: Journal
    inspector: ContentInspector
    peer_sentence: Callable[[Finding], str]
    parked: Parked
    """Told of every message in a box that is put by, with its name and a bounded reason."""
    restored: Restored
    threads: Threads
    clock: Clock
    ids: IdSource
    jitter: Jitter
    observer: Observer
    checkpoint: Checkpoint
    scheme: str = "https"
    """For tests against a simulator without TLS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    """The parts that belong to one box of ours."""

    settings: IsdsBoxSettings
    session: Session
    client: IsdsBigClient
    reacher: Reacher
    sent: SentMessages
    ledger: LedgerFile
    answers: IsdsAnswers
    receiver: IsdsReceiver


class IsdsChannel:
    """The channel, put together. The intake is given to each poll; documents leave the first box.

    Making it reads keys and certificates: in a thread. Raises `ConfigurationError`.
    """

    def __init__(self, environment: IsdsEnvironment) -> None:
        e = environment
        s = e.settings
        self._environment = e
        self._logins: dict[str, Login] = {}
        book = PartnerBook(
            (
                Partner(
                    identifier=one.identifier,
                    name=one.name,
                    box_id=one.box_id,
                    acknowledgement=one.acknowledgement,
                )
                for one in s.partners
            ),
            s.environment,
        )
        self.lists = RevocationLists(tuple(_read(e, s.seal_authorities + s.stamp_authorities)))
        """Fed by the house from `settings.revocation_lists`."""
        paper_limits = ZfoLimits(content_bytes=s.paper_bytes)
        checker = _checker(e, self.lists, paper_limits)
        self.extractor = IsdsExtractor(
            checker=checker,
            paper_limits=paper_limits,
            blobs=e.blobs,
            inspector=e.inspector,
            limits=e.limits,
            book=book,
            own=e.own,
            own_boxes=frozenset(box.box_id for box in s.boxes),
        )
        self.directory = IsdsDirectory(book=book, clock=e.clock)
        dialect = Dialect()
        self._boxes = [self._box(box, dialect, checker, book) for box in s.boxes]
        first = self._boxes[0]
        self.outbound = IsdsOutbound(
            client=first.client,
            reacher=first.reacher,
            sent=first.sent,
            ledger=first.ledger,
            store=e.store,
            blobs=e.blobs,
            inspector=e.inspector,
            settings=s,
            threads=e.threads,
            clock=e.clock,
            ids=e.ids,
            observer=e.observer,
        )
        self.notifier = IsdsNotifier(
            answers={box.settings.box_id: box.answers for box in self._boxes},
            store=e.store,
            book=book,
            peer_sentence=e.peer_sentence,
        )
        self.receivers = tuple(box.receiver for box in self._boxes)

    def _box(
        self, box: IsdsBoxSettings, dialect: Dialect, checker: ZfoChecker, book: PartnerBook
    ) -> _Box:
        e = self._environment
        s = e.settings
        login = _login(e, box)
        self._logins[box.box_id] = login
        session = Session(
            hosts=_hosts(e, box),
            login=login,
            tls=_tls(e, box),
            threads=e.threads,
            limits=SessionLimits(
                connect_seconds=s.connect_seconds,
                answer_seconds=s.answer_seconds,
                upload_seconds=s.upload_seconds,
                transfer_seconds=s.transfer_seconds,
                connections=s.connections,
            ),
            user_agent=s.user_agent,
        )
        client = IsdsBigClient(
            session=session,
            dialect=dialect,
            ids=e.ids,
            threads=e.threads,
            answer_bytes=s.answer_bytes,
            paper_bytes=s.paper_bytes,
        )
        reacher = Reacher(client=client, book=book, settings=s, clock=e.clock, observer=e.observer)
        sent = SentMessages(
            client=client,
            reacher=reacher,
            checker=checker,
            blobs=e.blobs,
            settings=s,
            threads=e.threads,
            clock=e.clock,
        )
        ledger = LedgerFile(
            file=e.folder / f"isds-{box.box_id}.json", threads=e.threads, clock=e.clock
        )
        answers = IsdsAnswers(
            client=client,
            sent=sent,
            blobs=e.blobs,
            file=e.folder / f"isds-{box.box_id}-answers.json",
            threads=e.threads,
            clock=e.clock,
            observer=e.observer,
            restored=e.restored,
            absence_seconds=s.absence_seconds,
        )
        receiver = self._receiver(box.box_id, client, sent, ledger, answers, book)
        return _Box(
            settings=box,
            session=session,
            client=client,
            reacher=reacher,
            sent=sent,
            ledger=ledger,
            answers=answers,
            receiver=receiver,
        )

    def _receiver(
        self,
        box_id: str,
        client: IsdsBigClient,
        sent: SentMessages,
        ledger: LedgerFile,
        answers: IsdsAnswers,
        book: PartnerBook,
    ) -> IsdsReceiver:
        e = self._environment
        taker = Taker(
            client=client,
            sent=sent,
            extractor=self.extractor,
            ledger=ledger,
            book=book,
            store=e.store,
            journal=e.journal,
            blobs=e.blobs,
            peer_sentence=e.peer_sentence,
            threads=e.threads,
            clock=e.clock,
            observer=e.observer,
            checkpoint=e.checkpoint,
        )
        watch = SentWatch(
            client=client,
            sent=sent,
            ledger=ledger,
            settings=e.settings,
            clock=e.clock,
            observer=e.observer,
        )
        return IsdsReceiver(
            box_id=box_id,
            client=client,
            taker=taker,
            answers=answers,
            watch=watch,
            ledger=ledger,
            settings=e.settings,
            parked=e.parked,
            clock=e.clock,
            jitter=e.jitter,
            observer=e.observer,
        )

    async def start(self) -> None:
        """Read the state files; raises `StorageError` for a damaged one, and asks nobody.

        Safe to repeat: a gateway that takes this network over from another one reads them anew.
        """
        for box in self._boxes:
            await self._environment.threads.run(box.answers.load)
            box.ledger.forget()
            await box.ledger.open()

    async def close(self) -> None:
        """Close every connection."""
        for box in self._boxes:
            await box.session.close()

    async def tick(self, intake: Intake) -> None:
        """Poll the boxes whose time has come; a mended log-in is taken up again."""
        for box in self._boxes:
            await self._mend(box)
            await box.receiver.tick(intake)

    async def poll(self, intake: Intake) -> tuple[PollReport, ...]:
        """Poll every box now."""
        return tuple([await box.receiver.poll(intake) for box in self._boxes])

    async def _mend(self, box: _Box) -> None:
        """Resume a session that a refused log-in stopped, once its password was changed."""
        if not (box.session.stopped and box.settings.login.has_password):
            return
        try:
            login = await self._environment.threads.run(_login, self._environment, box.settings)
        except ConfigurationError as error:
            self._environment.observer.trouble("isds.login", error.code)
            return
        if login != self._logins[box.settings.box_id]:
            self._logins[box.settings.box_id] = login
            box.session.resume(login)


# --- from settings to parts ---------------------------------------------------------------------


def _login(e: IsdsEnvironment, box: IsdsBoxSettings) -> Login:
    password = ""
    if box.password_file:
        try:
            password = e.path(box.password_file).read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError("the password file of a data box cannot be read") from error
    return Login(kind=box.login, box_id=box.box_id, user=box.user, password=password)


def _hosts(e: IsdsEnvironment, box: IsdsBoxSettings) -> Hosts:
    s = e.settings
    shown = box.login.has_certificate
    ordinary, big = (s.certificate_host, s.big_certificate_host) if shown else (s.host, s.big_host)
    return Hosts(ordinary=f"{e.scheme}://{ordinary}", big=f"{e.scheme}://{big}")


def _tls(e: IsdsEnvironment, box: IsdsBoxSettings) -> ssl.SSLContext:
    """Trust the named authorities alone, or the system's; show the box's certificate."""
    try:
        if e.settings.authorities:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            for name in e.settings.authorities:
                context.load_verify_locations(e.path(name))
        else:
            context = ssl.create_default_context()
        if box.login.has_certificate:
            context.load_cert_chain(e.path(box.client_certificate), e.path(box.client_key))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            "a certificate or a key for ISDS cannot be used",
            remedy="look at authorities, client_certificate and client_key of [networks.isds]",
        ) from error
    return context


def _checker(e: IsdsEnvironment, lists: RevocationLists, limits: ZfoLimits) -> ZfoChecker:
    s = e.settings
    rules = ZfoRules(
        sha1_until=s.old_seals_before,
        stamp_required=s.stamp_required,
        message_stamp_required=s.message_stamp_required,
    )
    return ZfoChecker(
        seals=_judge(e, s.seal_authorities, lists),
        stamps=_judge(e, s.stamp_authorities, lists),
        rules=rules,
        limits=limits,
    )


def _judge(e: IsdsEnvironment, names: tuple[str, ...], lists: RevocationLists) -> CertificateJudge:
    policy = TrustPolicy(
        authorities=tuple(_read(e, names)),
        register_serial=False,
        revocation=bool(e.settings.revocation_lists),
    )
    return CertificateJudge(policy, lists)


def _read(e: IsdsEnvironment, names: tuple[str, ...]) -> list[bytes]:
    found = []
    for name in names:
        path = e.path(name)
        try:
            found.append(path.read_bytes())
        except OSError as error:
            told = f"the certificate file {path.name} cannot be read"
            raise ConfigurationError(told) from error
    return found
