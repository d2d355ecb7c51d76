"""The evidence the simulated SSEV gives: message summaries and time stamps over them (facts 5.4).

Its time-stamp authority is a test key made at start. It must never be taken for a real one.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from lxml import etree

from depesha.simulators.authority import make_key
from depesha.simulators.ssev_values import Blob, Copy, Message

_POLICY: Final = "1.3.6.1.4.1.99999.1"
_DAYS: Final = 3650


class TimeStamper:
    """An RFC 3161 authority in memory. `token` takes about 0.5 ms: call it in threads."""

    def __init__(self, *, at: datetime, key: rsa.RSAPrivateKey | None = None) -> None:
        self._key = key or make_key()
        self._certificate = _certificate(self._key, at)
        self._serial = 0

    @property
    def certificate_pem(self) -> bytes:
        """Its certificate, self-signed, PEM."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def token(self, digest: bytes, at: datetime) -> bytes:
        """Return a time-stamp token over a SHA-256 digest, DER."""
        self._serial += 1
        info = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": _POLICY,
                "message_imprint": {
                    "hash_algorithm": {"algorithm": "sha256"},
                    "hashed_message": digest,
                },
                "serial_number": self._serial,
                "gen_time": at.replace(microsecond=0),
            }
        ).dump()
        certificate = asn1_x509.Certificate.load(
            self._certificate.public_bytes(serialization.Encoding.DER)
        )
        attributes = _attributes(info, certificate, at)
        signer = cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.SignerIdentifier(
                    {
                        "issuer_and_serial_number": cms.IssuerAndSerialNumber(
                            {
                                "issuer": certificate.issuer,
                                "serial_number": certificate.serial_number,
                            }
                        )
                    }
                ),
                "digest_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                "signed_attrs": attributes,
                "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"}),
                "signature": self._key.sign(
                    attributes.untag().dump(), padding.PKCS1v15(), hashes.SHA256()
                ),
            }
        )
        return _token(info, certificate, signer)


def _attributes(info: bytes, certificate: Any, at: datetime) -> Any:
    names = tsp.ESSCertIDv2(
        {
            "hash_algorithm": {"algorithm": "sha256"},
            "cert_hash": hashlib.sha256(certificate.dump()).digest(),
        }
    )
    return cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
            cms.CMSAttribute(
                {
                    "type": "signing_time",
                    "values": [cms.Time({"utc_time": at.replace(microsecond=0)})],
                }
            ),
            cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(info).digest()]}),
            cms.CMSAttribute(
                {
                    "type": "signing_certificate_v2",
                    "values": [tsp.SigningCertificateV2({"certs": [names]})],
                }
            ),
        ]
    )


def _token(info: bytes, certificate: Any, signer: Any) -> bytes:
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
            "encap_content_info": {
                "content_type": "tst_info",
                "content": core.ParsableOctetString(info),
            },
            "certificates": [certificate],
            "signer_infos": [signer],
        }
    )
    made: bytes = cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()
    return made


def _certificate(key: rsa.RSAPrivateKey, at: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Depesha simulated TSA")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(at - timedelta(hours=1))
        .not_valid_after(at + timedelta(days=_DAYS))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .sign(key, hashes.SHA256())
    )


def summary(
    message: Message, sender_name: str, names: dict[int, str], files: list[Blob], copy: Copy | None
) -> bytes:
    """Return the canonical summary; with `copy`, the version of that recipient."""
    root = etree.Element("Message")
    _text(root, "MessageId", str(message.message_id))
    _text(root, "Rnu", message.rnu)
    sender = etree.SubElement(root, "Sender")
    _text(sender, "ProfileId", str(message.sender))
    _text(sender, "Name", sender_name)
    recipients = etree.SubElement(root, "Recipients")
    for each in message.copies:
        recipient = etree.SubElement(recipients, "Recipient")
        _text(recipient, "ProfileId", str(each.profile_id))
        _text(recipient, "Name", names[each.profile_id])
    _text(root, "DateSent", message.sent_at.isoformat())
    if copy is not None and copy.opened_at is not None:
        _text(root, "DateReceived", copy.opened_at.isoformat())
    _text(root, "Subject", message.subject)
    body = etree.SubElement(root, "Body")
    _text(body, "Hash", hashlib.sha256(repr(message.fields).encode()).hexdigest().upper())
    _text(body, "HashAlgorithm", "Sha256")
    etree.SubElement(root, "MetaFields")
    _text(root, "TemplateId", str(message.template_id))
    attachments = etree.SubElement(root, "Attachments")
    for blob in files:
        one = etree.SubElement(attachments, "Attachment")
        _text(one, "Hash", blob.sha256)
        _text(one, "HashAlgorithm", "Sha256")
        _text(one, "FileName", blob.name)
        _text(one, "RegNum", "")  # always empty in the handlers read (facts 5.4)
    return etree.tostring(root, method="c14n")


def _text(parent: etree._Element, name: str, value: str) -> None:
    etree.SubElement(parent, name).text = value
