"""Puts the parts of the e-mail channel together, in one place. It does nothing else."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509

from depesha.adapters.email.addresses import address
from depesha.adapters.email.arriving import MailArrivals
from depesha.adapters.email.cms import MailRules, SmimeVerifier
from depesha.adapters.email.directory import MailDirectory
from depesha.adapters.email.extracting import MailExtractor
from depesha.adapters.email.mailbox import Account, Mailbox
from depesha.adapters.email.mime import Caps
from depesha.adapters.email.notifying import MailNotifier, ReceivedMessages
from depesha.adapters.email.outbound import MailOutbound
from depesha.adapters.email.partners import Partner, PartnerBook
from depesha.adapters.email.places import PlacesFile
from depesha.adapters.email.reading import MailReader
from depesha.adapters.email.receiving import MailReceiver
from depesha.adapters.email.reports import HeardReports
from depesha.adapters.email.settings import EmailSettings
from depesha.adapters.email.signals import MailSignals
from depesha.adapters.email.smime import Decrypter, MailSigner, Opener
from depesha.adapters.email.smtp import Server, Submitter
from depesha.adapters.email.sorting import Sorter
from depesha.adapters.email.telling import Teller
from depesha.adapters.keys import load_key_pair
from depesha.adapters.revocation import RevocationLists
from depesha.adapters.trust import CertificateJudge, TrustPolicy
from depesha.errors import ConfigurationError, DepeshaError, WireError
from depesha.ports import (
    BlobStore,
    Clock,
    ContentInspector,
    Directory,
    IdSource,
    Observer,
    Threads,
)
from depesha.schemas.envelope import Party
from depesha.schemas.policy import Limits

FIRST_WORD_SECONDS: Final = 5.0
"""How long the mail server's first greeting is waited for at start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailEnvironment:
    """What the channel is given by the house."""

    settings: EmailSettings
    own: Party
    resolve: Callable[[str], Path]
    """Turns a file name of the settings into a path."""
    secret: Callable[[str], str]
    """Returns what an environment variable of the settings holds; raises `ConfigurationError`."""
    place: Path
    """File that tells how far the mailbox is read; its folder is there."""
    limits: Limits
    blobs: BlobStore
    inspector: ContentInspector
    messages: ReceivedMessages
    """The store of received messages: which letter a notice answers."""
    register: Directory | None
    """The participants' register, for `register_addresses`."""
    operators: Mapping[str, str]
    """Network → its operator's address."""
    operators_language: str
    threads: Threads
    clock: Clock
    ids: IdSource
    observer: Observer


class MailChannel:
    """The channel, put together. Making it reads keys and certificates: in a thread, about 0.2 s.

    Raises `ConfigurationError`. `receiver` is None where no mailbox is set up.
    """

    def __init__(self, environment: MailEnvironment) -> None:
        e = environment
        s = e.settings
        self._environment = e
        own_address = _wire_address(s.address)
        signer, decrypter = _keys(e, own_address)
        self.lists = _lists(e)
        """Fed by the house from `settings.trust.revocation_lists`."""
        book = _book(e)
        self._submitter = Submitter(
            server=_server(e), tls=_tls(e, s.submission.authorities), threads=e.threads
        )
        heard = HeardReports()
        teller = Teller(
            own_address=own_address,
            signer=signer,
            submitter=self._submitter,
            threads=e.threads,
            clock=e.clock,
        )
        caps = _caps(e)
        reader = MailReader(
            opener=Opener(verifier=_verifier(e, self.lists), decrypter=decrypter, caps=caps),
            caps=caps,
        )
        arrivals = MailArrivals(
            reader=reader,
            blobs=e.blobs,
            inspector=e.inspector,
            limits=e.limits,
            book=book,
            own=e.own,
            own_address=own_address,
            language=s.language,
            observer=e.observer,
        )
        sorter = Sorter(
            arrivals=arrivals,
            blobs=e.blobs,
            teller=teller,
            heard=heard,
            own=e.own,
            own_address=own_address,
            receipts=s.receipts,
            threads=e.threads,
            observer=e.observer,
        )
        self.directory = MailDirectory(book, clock=e.clock)
        self.extractor = MailExtractor(arrivals=arrivals, clock=e.clock)
        self.outbound = MailOutbound(
            own_address=own_address,
            language=s.language,
            letter_bytes=s.submission.letter_bytes,
            book=book,
            signer=signer,
            submitter=self._submitter,
            heard=heard,
            blobs=e.blobs,
            threads=e.threads,
            clock=e.clock,
            ids=e.ids,
        )
        self.notifier = MailNotifier(
            teller=teller, book=book, own=e.own, messages=e.messages, observer=e.observer
        )
        self.signals = MailSignals(
            addresses=e.operators,
            own_name=e.own.name,
            own_address=own_address,
            submitter=self._submitter,
            language=e.operators_language,
        )
        self._mailbox = _mailbox(e)
        self.receiver = (
            None if self._mailbox is None else _receiver(e, self._mailbox, reader, sorter)
        )

    async def start(self) -> None:
        """Hear once what the mail server takes; one that is away is heard at the first letter."""
        try:
            async with asyncio.timeout(FIRST_WORD_SECONDS):
                await self._submitter.offer()
        except TimeoutError:
            self._environment.observer.trouble("email.start", "TIME")
        except DepeshaError as error:
            self._environment.observer.trouble("email.start", error.code)

    async def close(self) -> None:
        """Close every connection to others."""
        if self._mailbox is not None:
            await self._mailbox.close()


# --- from settings to parts -------------------------------------------------------------------


def _wire_address(text: str) -> str:
    try:
        return address(text)
    except WireError as error:
        raise ConfigurationError(f"a mail address of the settings: {error.public}") from error


def _keys(e: MailEnvironment, own_address: str) -> tuple[MailSigner, Decrypter]:
    s = e.settings
    pair = load_key_pair(
        e.resolve(s.key), e.resolve(s.certificate), password_variable=s.key_password_env
    )
    signer = MailSigner(
        key_pem=pair.key_pem, certificates_pem=pair.certificate_pem, address=own_address
    )
    return signer, Decrypter(key_pem=pair.key_pem, certificate_pem=pair.certificate_pem)


def _lists(e: MailEnvironment) -> RevocationLists:
    trust = e.settings.trust
    return RevocationLists(tuple(_read(e, (*trust.authorities, *trust.intermediates))))


def _verifier(e: MailEnvironment, lists: RevocationLists) -> SmimeVerifier:
    trust = e.settings.trust
    policy = TrustPolicy(
        authorities=tuple(_read(e, trust.authorities)),
        intermediates=tuple(_read(e, trust.intermediates)),
        register_serial=False,  # mail has no register: the certificate is bound to the address
        validity=trust.validity,
        chain=trust.chain,
        revocation=trust.revocation,
        stale_lists_accepted=trust.stale_lists_accepted,
    )
    rules = MailRules(mail_use=trust.mail_use, address=trust.address)
    return SmimeVerifier(CertificateJudge(policy, lists), rules)


def _read(e: MailEnvironment, names: tuple[str, ...]) -> list[bytes]:
    found = []
    for name in names:
        path = e.resolve(name)
        try:
            found.append(path.read_bytes())
        except OSError as error:
            told = f"the certificate file {path.name} cannot be read"
            raise ConfigurationError(told) from error
    return found


def _book(e: MailEnvironment) -> PartnerBook:
    s = e.settings
    partners = [
        Partner(
            identifier=one.identifier,
            name=one.name,
            address=_wire_address(one.address),
            language=one.language or s.language,
            certificate=_certificate(e, one.certificate),
            phone=one.phone,
        )
        for one in s.partners
    ]
    register = e.register if s.register_addresses else None
    return PartnerBook(partners, clock=e.clock, language=s.language, register=register)


def _certificate(e: MailEnvironment, name: str) -> x509.Certificate | None:
    if not name:
        return None
    (pem,) = _read(e, (name,))
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        told = f"the certificate file {e.resolve(name).name} is no certificate"
        raise ConfigurationError(told) from error


def _tls(e: MailEnvironment, authorities: tuple[str, ...]) -> ssl.SSLContext:
    # Where authorities are named, they alone count: the system's are not for an inner server.
    context = (
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if authorities else ssl.create_default_context()
    )
    for name in authorities:
        try:
            context.load_verify_locations(e.resolve(name))
        except (OSError, ssl.SSLError) as error:
            told = f"the certificate file {e.resolve(name).name} cannot be read"
            raise ConfigurationError(told) from error
    return context


def _server(e: MailEnvironment) -> Server:
    s = e.settings.submission
    return Server(
        host=s.host,
        port=s.port,
        implicit_tls=s.security == "tls",
        user=s.user,
        password=e.secret(s.password_env) if s.password_env else "",
        hello_name=s.hello_name,
        connect_seconds=s.connect_seconds,
        command_seconds=s.command_seconds,
        final_seconds=s.final_seconds,
        letter_bytes=s.letter_bytes,
    )


def _caps(e: MailEnvironment) -> Caps:
    mailbox = e.settings.mailbox
    return Caps() if mailbox is None else Caps(mail_bytes=mailbox.mail_bytes)


def _mailbox(e: MailEnvironment) -> Mailbox | None:
    s = e.settings.mailbox
    if s is None:
        return None
    account = Account(
        host=s.host,
        port=s.port,
        user=s.user,
        password=e.secret(s.password_env),
        folder=s.folder,
        command_seconds=s.command_seconds,
        mail_bytes=s.mail_bytes,
    )
    return Mailbox(account=account, tls=_tls(e, s.authorities), clock=e.clock, threads=e.threads)


def _receiver(
    e: MailEnvironment, mailbox: Mailbox, reader: MailReader, sorter: Sorter
) -> MailReceiver:
    return MailReceiver(
        mailbox=mailbox,
        places=PlacesFile(e.place),
        reader=reader,
        sorter=sorter,
        blobs=e.blobs,
        mail_bytes=_caps(e).mail_bytes,
        threads=e.threads,
        clock=e.clock,
        observer=e.observer,
    )
