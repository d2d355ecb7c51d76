"""Finds signatures inside attached files: their form and their signer (CHK-03).

Only reports; nothing here verifies or trusts. Bad bytes give a signature without a signer or
none at all, never an error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pybase64
from asn1crypto import cms, pem, x509

from depesha.adapters.mapped import matches
from depesha.errors import WireError
from depesha.schemas import mediatypes as mt
from depesha.schemas import xml
from depesha.schemas.facts import FileSignature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

    from depesha.adapters.zips import Bytes, Zip

_MOST = 20
"""Signatures reported of one file."""
_CMS_BYTES = 16 * 1024 * 1024
_XML_BYTES = 8 * 1024 * 1024
_SIGNER_CHARACTERS = 300
_BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})")
_DSIG = "{http://www.w3.org/2000/09/xmldsig#}"
_XADES = "http://uri.etsi.org/01903"
_TIME_STAMP_CONTENT = "tst_info"
_SIGNING_CERTIFICATE = frozenset({"signing_certificate", "signing_certificate_v2"})
_SMIME = re.compile(rb"application/(?:x-)?pkcs7-(?:signature|mime)", re.IGNORECASE)


def in_pdf(data: Bytes) -> tuple[FileSignature, ...]:
    """Return the signatures of a PDF: the hole of each ByteRange holds a CMS in hex."""
    found = []
    for match in matches(_BYTE_RANGE, b"/ByteRange", data):
        first, length, second, _ = (int(number) for number in match.groups())
        hole = data[first + length : second] if second - first - length < _CMS_BYTES else b""
        found.append(_pdf_signature(hole))
        if len(found) == _MOST:
            break
    return tuple(found)


def _pdf_signature(hole: bytes) -> FileSignature:
    try:
        der = bytes.fromhex(hole.strip(b" \r\n\t<>\x00").decode("ascii"))
    except ValueError:
        return FileSignature(form="PAdES", signer="")
    form, signer = _cms(der)
    return FileSignature(form="time stamp" if form == "time stamp" else "PAdES", signer=signer)


def in_cms(data: Bytes) -> tuple[str, tuple[FileSignature, ...], bool]:
    """Return the finer kind of a CMS file, its signatures, and whether it is encrypted."""
    content = data[:_CMS_BYTES]
    if len(data) > _CMS_BYTES:
        return mt.CMS, (FileSignature(form="CMS", signer=""),), False
    try:
        if pem.detect(content):
            content = pem.unarmor(content)[2]
        info = cms.ContentInfo.load(content)
        if info["content_type"].native != "signed_data":
            return mt.CMS, (), True
        detached = info["content"]["encap_content_info"]["content"].native is None
        signers = list(_signers(info["content"]))
    except (ValueError, TypeError, KeyError, IndexError):
        return mt.CMS, (FileSignature(form="CMS", signer=""),), False
    kind = mt.CMS_DETACHED if detached else mt.CMS
    found = tuple(
        FileSignature(form="detached " + form if detached else form, signer=signer)
        for form, signer in signers
    )
    return kind, found[:_MOST], False


def _cms(der: bytes) -> tuple[str, str]:
    """Return form and signer of one CMS signature; padding behind it is normal in PDFs."""
    try:
        info = cms.ContentInfo.load(der, strict=False)
        return next(_signers(info["content"]), ("CMS", ""))
    except (ValueError, TypeError, KeyError, IndexError):
        return "CMS", ""


def _signers(signed: cms.SignedData) -> Iterator[tuple[str, str]]:
    certificates = [
        choice.chosen
        for choice in signed["certificates"] or ()
        if isinstance(choice.chosen, x509.Certificate)
    ]
    stamp = signed["encap_content_info"]["content_type"].native == _TIME_STAMP_CONTENT
    for info in signed["signer_infos"]:
        form = "CMS"
        for attribute in info["signed_attrs"] or ():
            if attribute["type"].native in _SIGNING_CERTIFICATE:
                form = "CAdES"
        yield ("time stamp" if stamp else form), _subject(info["sid"], certificates)


def _subject(sid: cms.SignerIdentifier, certificates: list[x509.Certificate]) -> str:
    for certificate in certificates:
        if sid.name == "issuer_and_serial_number":
            fits = certificate.serial_number == sid.chosen["serial_number"].native
        else:
            fits = certificate.key_identifier == sid.chosen.native
        if fits:
            return _name(certificate)
    return ""


def _name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.human_friendly)[:_SIGNER_CHARACTERS]


def in_xml(data: Bytes) -> tuple[FileSignature, ...]:
    """Return the signatures anywhere in an XML document."""
    if data.find(b"xmldsig#") < 0 or len(data) > _XML_BYTES:
        return ()
    try:
        root = xml.parse(bytes(data[:])).root
    except WireError:
        return ()
    elements = list(root.iter(_DSIG + "Signature"))[:_MOST]
    return tuple(_xml_signature(element) for element in elements)


def _xml_signature(element: etree._Element) -> FileSignature:
    advanced = any(
        isinstance(child.tag, str) and child.tag.startswith("{" + _XADES)
        for child in element.iter()
    )
    text = element.findtext(f".//{_DSIG}X509Certificate") or ""
    try:
        certificate = x509.Certificate.load(pybase64.b64decode("".join(text.split())))
        signer = _name(certificate)
    except (ValueError, TypeError, KeyError):
        signer = ""
    return FileSignature(form="XAdES" if advanced else "XML-DSig", signer=signer)


def in_zip(archive: Zip, kind: str) -> tuple[FileSignature, ...]:
    """Return the signatures of ASiC containers, office documents and e-mail-like packages."""
    found: list[FileSignature] = []
    for name in archive.names:
        lower = name.lower()
        if lower.startswith("meta-inf/") and "signature" in lower:
            form = "ASiC" if kind in {mt.ASIC_E, mt.ASIC_S} else "ODF"
            found += _renamed(_of_part(archive, name), form)
        elif lower.startswith("_xmlsignatures/") and lower.endswith(".xml"):
            found += _renamed(_of_part(archive, name), "OOXML")
    return tuple(found[:_MOST])


def _of_part(archive: Zip, name: str) -> tuple[FileSignature, ...]:
    content = archive.read(name, _XML_BYTES)
    return in_cms(content)[1] if name.lower().endswith(".p7s") else in_xml(content)


def _renamed(found: tuple[FileSignature, ...], form: str) -> list[FileSignature]:
    return [FileSignature(form=form, signer=each.signer) for each in found]


def in_mail(head: bytes) -> tuple[FileSignature, ...]:
    """Report a signed mail by its headers; its signer is left to a mail program."""
    return (FileSignature(form="S/MIME", signer=""),) if _SMIME.search(head) else ()
