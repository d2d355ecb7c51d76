"""Sealed papers of ISDS for tests, and where their parts lie: seal, attributes, stamp, content.

The XML is written here; only the seal comes from the simulator's authority.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from asn1crypto import cms

from depesha.adapters.isds.checking import ZfoChecker, ZfoRules
from depesha.adapters.trust import CertificateJudge, TrustPolicy
from depesha.schemas.wire.isds import V20, XSI, Paper
from depesha.simulators.isds_seal import Sealer, SealForm, SealKeys

AT: Final = datetime(2026, 9, 14, 8, 30, tzinfo=UTC)
OWN_BOX: Final = "abc2345"
THEIR_BOX: Final = "xyz6789"
PDF: Final = b"%PDF-1.7\nOdpov\xc4\x9b\xc4\x8f na \xc5\xbe\xc3\xa1dost\n%%EOF\n" * 40


@cache
def keys() -> SealKeys:
    """Keys are dear to make and may be shared by tests."""
    return SealKeys.make()


@cache
def sealer() -> Sealer:
    return Sealer(at=AT - timedelta(days=1), keys=keys())


@cache
def stranger_pem() -> bytes:
    """An authority of the same name, with another key."""
    own = keys()
    swapped = SealKeys(authority=own.stamps, seal=own.seal, stamps=own.authority)
    return Sealer(at=AT - timedelta(days=1), keys=swapped).trusted_pem


@cache
def checker(rules: ZfoRules | None = None) -> ZfoChecker:
    return ZfoChecker(seals=judge(), stamps=judge(), rules=rules)


def judge(trusted: bytes | None = None) -> CertificateJudge:
    policy = TrustPolicy(
        authorities=(trusted or sealer().trusted_pem,), register_serial=False, revocation=False
    )
    return CertificateJudge(policy)


def body(*, dm_id: str = "20260001", files: bytes | None = None, recipient: str = OWN_BOX) -> bytes:
    """`dmDm` as the system writes it: a prefix of its own, nil words with open and close tags."""

    def word(name: str, text: str | None) -> str:
        return f"<p:{name}>{text}</p:{name}>" if text else f'<p:{name} xsi:nil="true"></p:{name}>'

    said = (
        ("dmID", dm_id),
        ("dbIDSender", THEIR_BOX),
        ("dmSender", "Město Ukázkov"),
        ("dmSenderAddress", "Vzorová 1, 10000 Ukázkov, CZ"),
        ("dmSenderType", "10"),
        ("dmRecipient", "Obec Příkladov"),
        ("dmRecipientAddress", "Zkušební 2, 20000 Příkladov, CZ"),
        ("dmAmbiguousRecipient", "false"),
        ("dmSenderOrgUnit", "Odbor dopravy"),
        ("dmSenderOrgUnitNum", "7"),
        ("dbIDRecipient", recipient),
        ("dmRecipientOrgUnit", None),
        ("dmRecipientOrgUnitNum", None),
        ("dmToHands", "podatelna"),
        ("dmAnnotation", "Odpověď na žádost &amp; přílohy"),
        ("dmRecipientRefNumber", "PR-12/2026"),
        ("dmSenderRefNumber", "UK-345/2026"),
        ("dmRecipientIdent", None),
        ("dmSenderIdent", "SPIS-9"),
        ("dmLegalTitleLaw", "500"),
        ("dmLegalTitleYear", "2004"),
        ("dmLegalTitleSect", "37"),
        ("dmLegalTitlePar", "1"),
        ("dmLegalTitlePoint", None),
        ("dmPersonalDelivery", "true"),
        ("dmAllowSubstDelivery", "true"),
    )
    words = "".join(word(*each) for each in said).encode()
    inside = b"" if files is None else b"<p:dmFiles>" + files + b"</p:dmFiles>"
    return f'<p:dmDm xmlns:p="{V20}">'.encode() + words + inside + b"</p:dmDm>"


def encoded(name: str, content: bytes, meta: str = "main", **more: str) -> bytes:
    """One attachment."""
    given = "".join(f' {key}="{value}"' for key, value in more.items())
    head = f'<p:dmFile dmFileDescr="{name}" dmFileMetaType="{meta}" dmMimeType=""{given}>'
    return (
        head.encode()
        + b"<p:dmEncodedContent>"
        + b64encode(content)
        + b"</p:dmEncodedContent></p:dmFile>"
    )


def paper(
    inner: bytes | None = None,
    *,
    kind: Paper = Paper.RECEIVED,
    digest: bytes | None = None,
    stamp: bytes | None = None,
) -> bytes:
    """The XML that is sealed; `digest` and `stamp` replace the true ones."""
    inner = inner or body(files=encoded("odpoved.pdf", PDF))
    true = hashlib.sha256(inner).digest()
    token = sealer().stamp(true, AT) if stamp is None else stamp
    tail = (
        f'<q:dmHash algorithm="SHA-256">{b64encode(digest or true).decode()}\n</q:dmHash>'
        f"<q:dmQTimestamp>{b64encode(token).decode()}\n</q:dmQTimestamp>"
        "<q:dmDeliveryTime>2026-09-14T10:31:00.905+02:00</q:dmDeliveryTime>"
        "<q:dmAcceptanceTime>2026-09-14T08:35:00Z</q:dmAcceptanceTime>"
        "<q:dmMessageStatus>6</q:dmMessageStatus>"
    )
    if kind is Paper.DELIVERY:
        tail += (
            "<q:dmEvents><q:dmEvent><q:dmEventTime>2026-09-14T10:31:00.905+02:00</q:dmEventTime>"
            "<q:dmEventDescr>EV5: Datová zpráva byla dodána.</q:dmEventDescr></q:dmEvent>"
            "<q:dmEvent><q:dmEventTime>2026-09-14T10:35:00.000+02:00</q:dmEventTime>"
            "<q:dmEventDescr>EV13: Přihlásila se aplikace.</q:dmEventDescr></q:dmEvent>"
            "</q:dmEvents>"
        )
    else:
        tail += "<q:dmAttachmentSize>4</q:dmAttachmentSize>"
    head = f'<q:{kind.root} xmlns:q="{kind.namespace}" xmlns:xsi="{XSI}"><q:{kind.child}>'
    close = f"</q:{kind.child}></q:{kind.root}>"
    return head.encode() + inner + tail.encode() + close.encode()


def seal(
    folder: Path, content: bytes | None = None, form: SealForm | None = None, name: str = "a.zfo"
) -> Path:
    """Write a ZFO."""
    path = folder / name
    sealer().seal((content or paper(),), path, AT, form or SealForm())
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Byte positions of each part of a ZFO."""

    signature: range
    attributes: range
    stamp: range
    content: tuple[int, ...]


def places(zfo: bytes, content: bytes) -> Places:
    """Find the parts; the content lies in pieces."""
    signer = cms.ContentInfo.load(zfo)["content"]["signer_infos"][0]
    token = signer["unsigned_attrs"][0]["values"][0].dump()
    found: list[int] = []
    at = 0
    for start in range(0, len(content), 1000):
        piece = content[start : start + 1000]
        at = zfo.index(piece, at)
        found += range(at, at + len(piece))
        at += len(piece)
    return Places(
        signature=_within(zfo, signer["signature"].native),
        attributes=_within(zfo, signer["signed_attrs"].contents),
        stamp=_within(zfo, token),
        content=tuple(found),
    )


def _within(zfo: bytes, part: bytes) -> range:
    start = zfo.rindex(part)
    return range(start, start + len(part))
