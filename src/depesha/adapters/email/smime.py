"""Signs and encrypts letters, and opens what was signed or encrypted (RFC 8551).

What it hands on as signed is exactly the bytes that were verified. Called from threads: the cost
grows with the letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import pybase64
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs7

from depesha.adapters.certificates import UNREADABLE, authorities
from depesha.adapters.email import mime
from depesha.adapters.email.cms import (
    CMS_BYTES,
    FormError,
    SmimeVerifier,
    mail_faults,
    take_apart,
)
from depesha.adapters.email.letter import Written
from depesha.adapters.email.parts import boundary_for
from depesha.errors import ConfigurationError, DepeshaError, WireError
from depesha.schemas.facts import SignatureFacts
from depesha.schemas.verdict import Rejection, finding

SIGNATURES: Final = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})
OPAQUE: Final = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_OPTIONS: Final = (
    pkcs7.PKCS7Options.DetachedSignature,
    pkcs7.PKCS7Options.Binary,  # the letter is canonical already, and must be signed as it stands
)


class MailSigner:
    """Signs letters with one key. Loaded once; serves any number of threads."""

    def __init__(self, *, key_pem: bytes, certificates_pem: bytes, address: str) -> None:
        """`certificates_pem`: the end certificate first, then its chain. About 50 ms.

        Raises `ConfigurationError` where the certificate may not sign mail of `address`.
        """
        try:
            key = load_pem_private_key(key_pem, None)
            own, *chain = authorities((certificates_pem,))
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ConfigurationError("the key or certificate for mail cannot be read") from error
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise ConfigurationError("the key for mail is neither an RSA nor an EC key")
        if key.public_key() != own.public_key():
            raise ConfigurationError("the certificate for mail does not belong to its key")
        faults = mail_faults(own, address)
        if faults:
            raise ConfigurationError(
                f"the certificate for mail breaks rules: {', '.join(faults)}",
                remedy="take one issued for e-mail, with the gateway's address in it",
            )
        self._key = key
        self._own = own
        self._chain = chain

    def sign(self, written: Written) -> bytes:
        """Return the letter as a signed mail, headers first, ready for SMTP."""
        return written.headers + self._entity(written)

    def sign_and_encrypt(self, written: Written, recipient: x509.Certificate) -> bytes:
        """Return the letter signed, then encrypted to a certificate and to ourselves."""
        return written.headers + encrypt(self._entity(written), (recipient, self._own))

    def _entity(self, written: Written) -> bytes:
        boundary = boundary_for("signed" + written.message_id)
        builder = pkcs7.PKCS7SignatureBuilder().set_data(written.entity)
        builder = builder.add_signer(self._own, self._key, hashes.SHA256())
        for certificate in self._chain:
            builder = builder.add_certificate(certificate)
        signature = builder.sign(Encoding.DER, _OPTIONS)
        head = (
            'Content-Type: multipart/signed; protocol="application/pkcs7-signature";\r\n'
            f' micalg=sha-256; boundary="{boundary}"\r\n\r\n'
            # Seen by programs that know no MIME at all, and never by others.
            "This is an S/MIME signed message\r\n\r\n"
            f"--{boundary}\r\n"
        )
        tail = (
            f"\r\n--{boundary}\r\n"
            'Content-Type: application/pkcs7-signature; name="smime.p7s"\r\n'
            "Content-Transfer-Encoding: base64\r\n"
            'Content-Disposition: attachment; filename="smime.p7s"\r\n\r\n'
        )
        return b"".join(
            (
                head.encode(),
                written.entity,
                tail.encode(),
                _base64(signature),
                f"\r\n--{boundary}--\r\n".encode(),
            )
        )


def encrypt(entity: bytes, recipients: Sequence[x509.Certificate]) -> bytes:
    """Return an entity that only the recipients can open: AES-256-CBC, key under RSA.

    Raises `WireError` for a certificate that is not fit: no RSA key, or not for key encipherment.
    """
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(entity)
    builder = builder.set_content_encryption_algorithm(algorithms.AES256)
    for recipient in recipients:
        _encipherable(recipient)
        builder = builder.add_recipient(recipient)
    packed = builder.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])
    head = (
        "Content-Type: application/pkcs7-mime; smime-type=enveloped-data;\r\n"
        ' name="smime.p7m"\r\n'
        "Content-Transfer-Encoding: base64\r\n"
        'Content-Disposition: attachment; filename="smime.p7m"\r\n\r\n'
    )
    return head.encode() + _base64(packed)


def _encipherable(certificate: x509.Certificate) -> None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        fit = usage.key_encipherment
    except x509.ExtensionNotFound:
        fit = True
    except UNREADABLE:
        fit = False
    if not fit or not isinstance(certificate.public_key(), rsa.RSAPublicKey):
        raise WireError("the recipient's certificate is not fit for encryption")


def _base64(content: bytes) -> bytes:
    return pybase64.encodebytes(content).replace(b"\n", b"\r\n")


# --- opening ----------------------------------------------------------------------------------


class Decrypter:
    """Opens what was encrypted to us: RSA PKCS#1 with AES-CBC, which is what mail programs send.

    Whatever it opens is unsigned until a signature inside is verified: CBC proves nothing.
    """

    def __init__(self, *, key_pem: bytes, certificate_pem: bytes) -> None:
        """Load the key once; raises `ConfigurationError`."""
        try:
            key = load_pem_private_key(key_pem, None)
            self._certificate = x509.load_pem_x509_certificate(certificate_pem)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ConfigurationError("the key for opening mail cannot be read") from error
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ConfigurationError("the key for opening mail is not an RSA key")
        self._key = key

    def open(self, packed: bytes) -> bytes:
        """Return the entity inside; raise `WireError`, the same one whatever went wrong."""
        try:
            return pkcs7.pkcs7_decrypt_der(packed, self._certificate, self._key, [])
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise WireError("an encrypted mail cannot be opened") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a mail really holds, and what its signature is worth."""

    entity: mime.Entity = field(repr=False)
    """The signed bytes where there is a signature; the whole mail where there is none."""
    signature: SignatureFacts | None
    """None: unsigned."""
    encrypted: bool


class Opener:
    """Unwraps mails: encryption first, then the signature. Serves any number of threads."""

    def __init__(
        self, *, verifier: SmimeVerifier, decrypter: Decrypter | None, caps: mime.Caps
    ) -> None:
        """Without a decrypter encrypted mails raise `WireError`."""
        self._verifier = verifier
        self._decrypter = decrypter
        self._caps = caps

    def open(self, mail: mime.Entity, sender: str, at: datetime) -> Opened:
        """Unwrap one mail said to come from `sender`; raise `WireError` where it cannot be."""
        encrypted = False
        if _smime_kind(mail) == "enveloped-data":
            if self._decrypter is None:
                raise WireError("an encrypted mail came, and there is no key to open it")
            inside = self._decrypter.open(mail.content(self._caps.part_bytes))
            mail, encrypted = mime.parse(mime.canonical(inside), self._caps), True
        if mail.media_type == "multipart/signed":
            entity, facts = self._detached(mail, sender, at)
        elif _smime_kind(mail) == "signed-data":
            entity, facts = self._opaque(mail, sender, at)
        else:
            return Opened(entity=mail, signature=_elsewhere(mail), encrypted=encrypted)
        return Opened(entity=entity, signature=facts, encrypted=encrypted)

    def _detached(
        self, mail: mime.Entity, sender: str, at: datetime
    ) -> tuple[mime.Entity, SignatureFacts]:
        parts = mail.children
        protocol = mime.parameter(mail.headers, "protocol").lower()
        if protocol not in SIGNATURES:
            return mail, _broken("protocol")
        if len(parts) != 2 or not mail.closed or parts[1].media_type not in SIGNATURES:  # noqa: PLR2004 -- RFC 1847: exactly two
            return mail, _broken("parts")
        covered = parts[0].whole()
        try:
            signed = take_apart(parts[1].content(CMS_BYTES))
        except FormError as error:
            return mail, SignatureFacts(finding=finding(error.reason, rule=error.rule))
        except DepeshaError:
            return mail, _broken("signature-part")
        if signed.inside is not None:
            return mail, _broken("content-inside")
        return parts[0], self._verifier.verify(signed, covered, sender, at)

    def _opaque(
        self, mail: mime.Entity, sender: str, at: datetime
    ) -> tuple[mime.Entity, SignatureFacts]:
        try:
            signed = take_apart(mail.content(self._caps.part_bytes))
        except FormError as error:
            return mail, SignatureFacts(finding=finding(error.reason, rule=error.rule))
        if signed.inside is None:
            return mail, _broken("no-content")
        facts = self._verifier.verify(signed, signed.inside, sender, at)
        return mime.parse(mime.canonical(signed.inside), self._caps), facts


def _smime_kind(mail: mime.Entity) -> str:
    if mail.media_type not in OPAQUE:
        return ""
    return mime.parameter(mail.headers, "smime-type").lower() or "signed-data"


def _broken(rule: str) -> SignatureFacts:
    return SignatureFacts(finding=finding(Rejection.SIGNATURE_STRUCTURE, rule=rule))


def _elsewhere(mail: mime.Entity) -> SignatureFacts | None:
    """Tell of a signature that does not cover the whole: around it anything could be added."""
    stack = list(mail.children)
    while stack:
        part = stack.pop()
        if part.media_type == "multipart/signed" or _smime_kind(part):
            return _broken("not-the-whole")
        stack.extend(part.children)
    return None
