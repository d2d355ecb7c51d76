"""What the tests of signatures and trust share: a small network of plainly fictional bodies.

Keys are made once a process: RSA takes about 0.1 s each.
"""

from __future__ import annotations

import base64
import functools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from depesha.adapters.revocation import RevocationLists
from depesha.adapters.signing import XmlSigner
from depesha.adapters.trust import CertificateJudge, TrustPolicy
from depesha.adapters.verifying import XmlVerifier
from depesha.schemas.facts import SignatureFacts
from depesha.schemas.xml import parse
from depesha.simulators.authority import Authority, Identity

NOW = datetime(2026, 3, 2, 8, 15, 30, tzinfo=UTC)
MESSAGING = "http://schemas.egov.bg/messaging/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A CA, a participant of it, and an attacker with a CA of his own."""

    authority: Authority
    victim: Identity
    neighbour: Identity
    """Another honest participant of the same CA."""
    elsewhere: Authority
    attacker: Identity


@functools.cache
def network() -> Network:
    """Make the network once. The caller must not revoke in it: see `fresh_authority`."""
    authority = Authority.create("Примерен издател", at=NOW - timedelta(days=30))
    elsewhere = Authority.create("Чужд издател", at=NOW - timedelta(days=30))
    start = NOW - timedelta(days=10)
    return Network(
        authority=authority,
        victim=authority.issue("primer.example", eik="000000001", at=start),
        neighbour=authority.issue("obrazets.example", eik="000000002", at=start),
        elsewhere=elsewhere,
        attacker=elsewhere.issue("attacker.example", eik="000000009", at=start),
    )


def fresh_authority() -> Authority:
    """Return the network's authority with its own book of revocations."""
    made = network().authority
    return Authority(key=made.key, certificate=made.certificate)


@functools.cache
def signer() -> XmlSigner:
    return XmlSigner(network().victim)


def policy(*, revocation: bool = False) -> TrustPolicy:
    """Return the rules of a body that trusts the network's CA."""
    return TrustPolicy(authorities=(network().authority.certificate_pem,), revocation=revocation)


def judge(known: RevocationLists | None = None) -> CertificateJudge:
    """Return a judge by those rules; without lists revocation is off."""
    return CertificateJudge(policy(revocation=known is not None), known)


def lists(authority: Authority, *, next_update: datetime | None = None) -> RevocationLists:
    made = RevocationLists([authority.certificate_pem])
    made.put("crl", authority.crl(NOW - timedelta(days=1), next_update or NOW + timedelta(days=1)))
    return made


def verifier() -> XmlVerifier:
    return XmlVerifier(judge())


def verify(document: bytes, using: XmlVerifier | None = None) -> SignatureFacts:
    """Judge a document as sent by the victim."""
    return (using or verifier()).verify(parse(document), [network().victim.serial], NOW)


def message(size: int = 300, *, about: str = "Искане за данни") -> bytes:
    """Return an unsigned registration request with an attachment of `size` base64 characters."""
    content = base64.b64encode(bytes(size * 3 // 4)).decode()
    return (
        f'<?xml version="1.0" encoding="utf-8"?><Message xmlns="{MESSAGING}">'
        "<Header><Version>1.0</Version><MessageType>MSG_DocumentRegistrationRequest</MessageType>"
        "<MessageDate>2026-03-02T10:15:30.1234567+02:00</MessageDate>"
        "<Sender><Identifier>000000001</Identifier>"
        "<AdministrativeBodyName>Община Пример</AdministrativeBodyName>"
        "<GUID>{aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa}</GUID></Sender>"
        "<Recipient><Identifier>0000000020001</Identifier>"
        "<AdministrativeBodyName>Агенция Образец</AdministrativeBodyName>"
        "<GUID>{bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb}</GUID></Recipient>"
        "<MessageGUID>{11111111-aaaa-4aaa-8aaa-000000000001}</MessageGUID></Header>"
        "<Body><DocumentRegistrationRequest><Document><DocID><DocumentNumber>"
        "<DocNumber>РД-12-34</DocNumber><DocDate>2026-03-02</DocDate></DocumentNumber>"
        "<DocumentGUID>{dddddddd-4444-4444-8444-dddddddddddd}</DocumentGUID></DocID>"
        "<DocKind>Писмо</DocKind><DocAttachmentList><Attachment>"
        f"<AttFileName>pismo.pdf</AttFileName><AttBody>{content}</AttBody>"
        "<AttMIMEType>application/pdf</AttMIMEType></Attachment></DocAttachmentList>"
        f"<DocAbout>{about}</DocAbout></Document><Comment>N/A</Comment>"
        "</DocumentRegistrationRequest></Body></Message>"
    ).encode()


def signed(algorithm: str = "rsa-sha1", size: int = 300) -> bytes:
    return signer().sign(message(size), algorithm)
