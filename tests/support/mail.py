"""What the tests of e-mail share: two bodies with certificates for mail, and letters of theirs."""

from __future__ import annotations

import functools
import re
import ssl
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

from depesha.adapters.email.cms import SmimeVerifier
from depesha.adapters.email.letter import Letter, LetterFile, Written, write
from depesha.adapters.email.mime import Caps
from depesha.adapters.email.reading import Mail, MailReader
from depesha.adapters.email.smime import Decrypter, MailSigner, Opener
from depesha.adapters.trust import CertificateJudge, TrustPolicy
from depesha.schemas.envelope import (
    Attachment,
    Correspondent,
    DocumentReference,
    Envelope,
    Party,
    RegistrationNumber,
)
from depesha.schemas.evidence import sha256
from depesha.schemas.ids import Guid
from depesha.simulators.authority import Authority, Identity
from depesha.simulators.mail_papers import issue_for_mail

NOW = datetime(2026, 3, 2, 8, 15, 30, tzinfo=UTC)
OURS = "delovodstvo@obshtina-primer.example"
THEIRS = "podatelna@agentsia-obrazets.example"
GUID = Guid("dddddddd-4444-4444-8444-dddddddddddd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """A root, an authority below it, and who holds a certificate."""

    root: Authority
    between: Authority
    us: Identity
    them: Identity
    stranger: Identity
    """Has our address in a certificate of nobody's trust."""


@functools.cache
def papers() -> Papers:
    start = NOW - timedelta(days=10)
    root = Authority.create("Примерен корен", at=NOW - timedelta(days=30))
    between = root.intermediate("Примерен издател на поща", at=NOW - timedelta(days=20))
    elsewhere = Authority.create("Чужд издател", at=NOW - timedelta(days=30))
    return Papers(
        root=root,
        between=between,
        us=issue_for_mail(between, "Община Пример", OURS, at=start),
        them=issue_for_mail(between, "Агенция Образец", THEIRS, at=start),
        stranger=issue_for_mail(elsewhere, "Община Пример", OURS, at=start),
    )


def attached(index: int, name: str, content: bytes, kind: str = "application/pdf") -> LetterFile:
    told = Attachment(
        index=index, name=name, media_type=kind, size=len(content), digest=sha256(content)
    )
    return LetterFile(attachment=told, content=content)


FILES = (
    attached(1, "Писмо относно проверка на водомерите в сградата – ред. 2.pdf", b"%PDF-1.7 " * 300),
    attached(2, "annex.txt", b"From here\r\n.\r\n..two dots \n", "text/plain"),
)


def envelope(files: tuple[LetterFile, ...] = FILES) -> Envelope:
    return Envelope(
        network="seos",
        transport_id=Guid("11111111-aaaa-4aaa-8aaa-000000000001"),
        created_at=datetime(2026, 3, 2, 10, 15, 30, tzinfo=timezone(timedelta(hours=2))),
        sender=Party(identifier="000000001", name="Община Пример"),
        recipient=Party(identifier="000000002", name="Агенция Образец"),
        document=DocumentReference(
            guid=GUID, number=RegistrationNumber(number="РД-12-34", date=date(2026, 3, 2))
        ),
        kind="Писмо",
        subject="Искане за данни",
        deadline=date(2026, 4, 1),
        correspondents=(Correspondent(name="Примерно лице", city="Примерово"),),
        attachments=tuple(file.attachment for file in files),
    )


def letter(files: tuple[LetterFile, ...] = FILES, **changes: object) -> Letter:
    made = Letter(
        envelope=envelope(files), files=files, sender=OURS, recipient=THEIRS, language="bg"
    )
    return replace(made, **changes)  # type: ignore[arg-type] # each test names fields of Letter


def written(**changes: object) -> Written:
    return write(letter(**changes))  # type: ignore[arg-type] # the same


@functools.cache
def signer() -> MailSigner:
    us = papers().us
    return MailSigner(key_pem=us.key_pem, certificates_pem=us.chain_pem, address=OURS)


@functools.cache
def signed() -> bytes:
    return signer().sign(written())


def verifier() -> SmimeVerifier:
    anchors = (papers().root.certificate_pem,)
    policy = TrustPolicy(authorities=anchors, register_serial=False, revocation=False)
    return SmimeVerifier(CertificateJudge(policy))


def reader(caps: Caps | None = None) -> MailReader:
    """A reader at the recipient's side."""
    them, caps = papers().them, caps or Caps()
    opened_by = Decrypter(key_pem=them.key_pem, certificate_pem=them.certificate_pem)
    return MailReader(opener=Opener(verifier=verifier(), decrypter=opened_by, caps=caps), caps=caps)


def read(raw: bytes, caps: Caps | None = None) -> Mail:
    return reader(caps).read(raw, NOW)


def rule(mail: Mail) -> str:
    """Return which rule the signature breaks, or its reason; empty for a good one."""
    assert mail.signature is not None
    found = mail.signature.finding
    return "" if found is None else dict(found.facts).get("rule", str(found.reason))


def unfolded(raw: bytes) -> str:
    return re.sub(r"\r\n[ \t]", " ", raw.decode())


def client_tls(trusted: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=trusted)
