"""A simulated ISDS with two boxes in it, and the plainest of callers, on loopback."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import aiohttp
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from lxml import etree

from depesha.adapters.memory.system import HandClock
from depesha.adapters.system import SystemClock, SystemIds
from depesha.schemas import xml
from depesha.schemas.wire.isds import SOAP11, SOAP12, V20, Service, schema
from depesha.simulators.authority import Authority, make_key
from depesha.simulators.isds_quirks import IsdsQuirks
from depesha.simulators.isds_seal import Sealer, SealKeys
from depesha.simulators.isds_service import IsdsSimulator
from depesha.simulators.isds_values import Box, BoxKind, LoginKind
from depesha.simulators.tls import KeyFiles, write_keys

CLOCK = SystemClock()
PASSWORD = "Zkusebni-heslo-1"
PDF = b"%PDF-1.7\n" + b"Zkusebni obsah.\n" * 40
ENVELOPE = (
    "dmSenderOrgUnit",
    "dmSenderOrgUnitNum",
    "dbIDRecipient",
    "dmRecipientOrgUnit",
    "dmRecipientOrgUnitNum",
    "dmToHands",
    "dmAnnotation",
    "dmRecipientRefNumber",
    "dmSenderRefNumber",
    "dmRecipientIdent",
    "dmSenderIdent",
    "dmLegalTitleLaw",
    "dmLegalTitleYear",
    "dmLegalTitleSect",
    "dmLegalTitlePar",
    "dmLegalTitlePoint",
    "dmPersonalDelivery",
    "dmAllowSubstDelivery",
)


@cache
def key(number: int) -> RSAPrivateKey:
    """Keys are dear to make and may be shared by tests."""
    return make_key()


@cache
def seal_keys() -> SealKeys:
    return SealKeys(authority=key(-1), seal=key(-2), stamps=key(-3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An answer: HTTP status, content type, body as it came, the operation's response."""

    http: int
    content_type: str
    raw: bytes
    response: etree._Element | None

    def text(self, name: str) -> str:
        """The text of the first element of that name."""
        assert self.response is not None, self.raw[:500]
        return self.response.findtext(f".//{{{V20}}}{name}") or ""

    def all(self, name: str) -> list[etree._Element]:
        assert self.response is not None, self.raw[:500]
        return self.response.findall(f".//{{{V20}}}{name}")

    @property
    def code(self) -> str:
        return self.text("dmStatusCode") or self.text("dbStatusCode")

    @property
    def paper(self) -> bytes:
        return base64.b64decode(self.text("dmSignature"))


@dataclass(slots=True, kw_only=True)
class Stand:
    """The simulator, an authority box and a company's box, both with passwords."""

    folder: Path
    isds: IsdsSimulator
    clock: HandClock | SystemClock
    office: Box
    company: Box
    session: aiohttp.ClientSession
    trusted: Path
    """The authority of seals and stamps."""
    tls: Path | None = None
    """The authority of the servers, where they speak TLS."""
    logins: dict[str, str] = field(default_factory=dict)

    async def ask(
        self,
        box: Box,
        operation: str,
        inner: str = "",
        *,
        service: Service,
        soap: str = SOAP11,
        headers: dict[str, str] | None = None,
    ) -> Told:
        """Ask by password as a box; the answer is compared with the schema."""
        url = self.isds.urls.service(service)
        body = enveloped(operation, inner, soap)
        kind = "text/xml" if soap == SOAP11 else "application/soap+xml"
        async with self.session.post(
            url,
            data=io.BytesIO(body),
            headers={
                "Content-Type": kind,
                "Authorization": self.logins[box.box_id],
                **(headers or {}),
            },
        ) as answer:
            raw = await answer.read()
            return told(answer.status, answer.headers.get("Content-Type", ""), raw)

    async def send(self, sender: Box, to: Box, **words: str) -> str:
        """Send a small message; return its id."""
        answer = await self.create(sender, to, **words)
        assert answer.code == "0000", answer.raw
        return answer.text("dmID")

    async def create(self, sender: Box, to: Box, files: str = "", **words: str) -> Told:
        inner = envelope(dbIDRecipient=to.box_id, **{"dmAnnotation": "Žádost", **words})
        inner += f"<t:dmFiles>{files or file()}</t:dmFiles>"
        return await self.ask(sender, "CreateMessage", inner, service=Service.OPERATIONS)

    async def received(self, box: Box, **words: str) -> Told:
        """List what a box received."""
        return await self.ask(
            box, "GetListOfReceivedMessages", listing(**words), service=Service.INFO
        )

    async def sent(self, box: Box, **words: str) -> Told:
        inner = listing(**words).replace("dmRecipientOrgUnitNum", "dmSenderOrgUnitNum")
        return await self.ask(box, "GetListOfSentMessages", inner, service=Service.INFO)

    async def one(self, box: Box, operation: str, message_id: str, service: Service) -> Told:
        return await self.ask(box, operation, f"<t:dmID>{message_id}</t:dmID>", service=service)

    def openssl(self, paper: bytes) -> subprocess.CompletedProcess[bytes]:
        """Let openssl judge a sealed paper."""
        name = hashlib.sha256(paper).hexdigest()[:16]
        path = self.folder / f"{name}.zfo"
        path.write_bytes(paper)
        return subprocess.run(
            [
                *("openssl", "cms", "-verify", "-inform", "DER", "-in", str(path)),
                *("-CAfile", str(self.trusted)),
            ],
            capture_output=True,
            check=False,
        )

    def openssl_stamp(self, token: bytes, digest: str) -> subprocess.CompletedProcess[bytes]:
        """Let openssl judge a time stamp over a SHA-256 digest in hex."""
        path = self.folder / "token.tsr"
        path.write_bytes(token)
        return subprocess.run(
            [
                *("openssl", "ts", "-verify", "-digest", digest, "-in", str(path), "-token_in"),
                *("-CAfile", str(self.trusted)),
            ],
            capture_output=True,
            check=False,
        )


def basic(user: str, password: str) -> str:
    """Write an Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def enveloped(operation: str, inner: str, soap: str = SOAP11) -> bytes:
    return (
        f'<s:Envelope xmlns:s="{soap}" xmlns:t="{V20}"><s:Body>'
        f"<t:{operation}>{inner}</t:{operation}></s:Body></s:Envelope>"
    ).encode()


def envelope(**words: str) -> str:
    """Write a create envelope with empty elements, as libisds does."""
    kind = f' dmType="{words["dmType"]}"' if "dmType" in words else ""
    inner = "".join(
        f"<t:{name}>{words[name]}</t:{name}>" if name in words else f"<t:{name}/>"
        for name in ENVELOPE
    )
    return f"<t:dmEnvelope{kind}>{inner}</t:dmEnvelope>"


def file(
    content: bytes = PDF,
    name: str = "žádost.pdf",
    meta: str = "main",
    mime: str = "application/pdf",
) -> str:
    return (
        f'<t:dmFile dmMimeType="{mime}" dmFileMetaType="{meta}" dmFileDescr="{name}">'
        f"<t:dmEncodedContent>{base64.b64encode(content).decode()}</t:dmEncodedContent></t:dmFile>"
    )


def listing(**words: str) -> str:
    names = (
        "dmFromTime",
        "dmToTime",
        "dmRecipientOrgUnitNum",
        "dmStatusFilter",
        "dmOffset",
        "dmLimit",
    )
    return "".join(f"<t:{name}>{words.get(name, '')}</t:{name}>" for name in names)


def told(http: int, content_type: str, raw: bytes) -> Told:
    response = None
    if http == 200 and "xml" in content_type and "multipart" not in content_type:
        root = xml.parse(raw).root
        response = root[0][0]
        if "2006" not in (response.findtext(f".//{{{V20}}}dmStatusCode") or ""):
            assert schema().deviations(xml.Document(response)) == ()
    return Told(http=http, content_type=content_type, raw=raw, response=response)


def raw_body(content: bytes) -> bytes:
    """Cut dmDm out of a document as it stands."""
    found = re.search(rb"<p:dmDm .*</p:dmDm>", content, re.DOTALL)
    assert found is not None
    return found[0]


@asynccontextmanager
async def stand(
    folder: Path,
    quirks: IsdsQuirks | None = None,
    *,
    tls: bool = False,
    clock: HandClock | SystemClock | None = None,
) -> AsyncIterator[Stand]:
    """Start the simulator, with TLS where client certificates matter; stop it at the end."""
    clock = clock or CLOCK
    server: KeyFiles | None = None
    trusted_tls: Path | None = None
    context: ssl.SSLContext | bool = True
    if tls:
        _, server = tls_authority(folder)
        trusted_tls = server.trusted
        context = ssl.create_default_context(cafile=str(trusted_tls))
    isds = IsdsSimulator(
        clock=clock,
        ids=SystemIds(),
        folder=folder / "isds",
        keys=server,
        quirks=quirks,
        sealer=Sealer(at=clock.now(), keys=seal_keys()),
    )
    office = isds.people.add("Úřad Příklad", BoxKind.OVM, ic="00000001", ovm_id="Uprikla")
    company = isds.people.add("Firma Vzor s.r.o.", BoxKind.PO, ic="00000002")
    trusted = folder / "seals.pem"
    trusted.write_bytes(isds.sealer.trusted_pem)
    connector = aiohttp.TCPConnector(ssl=context)
    async with isds, aiohttp.ClientSession(connector=connector) as session:
        made = Stand(
            folder=folder,
            isds=isds,
            clock=clock,
            office=office,
            company=company,
            session=session,
            trusted=trusted,
            tls=trusted_tls,
        )
        for box in (office, company):
            isds.people.admit(box, f"u{box.box_id}", PASSWORD)
            made.logins[box.box_id] = basic(f"u{box.box_id}", PASSWORD)
        yield made


def tls_authority(folder: Path) -> tuple[Authority, KeyFiles]:
    """Make the server's keys; clients may be issued from the same authority."""
    authority = Authority.create("Zkušební autorita TLS", at=CLOCK.now(), key=key(-4))
    trusted = authority.write(folder, "tls", at=CLOCK.now())
    server = authority.issue("isds.example", eik="000000000", at=CLOCK.now(), key=key(-5))
    return authority, write_keys(server, folder, "server", trusted)


def client_keys(folder: Path, name: str, number: int) -> tuple[bytes, KeyFiles]:
    """Issue a client certificate from the authority `stand` wrote; return its DER and files."""
    authority = Authority.read(folder, "tls")
    identity = authority.issue(name, eik="000000000", at=CLOCK.now(), key=key(number))
    files = write_keys(identity, folder, name, folder / "tls.cert.pem")
    return identity.certificate_der, files


__all__ = [
    "ENVELOPE",
    "PASSWORD",
    "PDF",
    "SOAP12",
    "LoginKind",
    "Stand",
    "Told",
    "basic",
    "client_keys",
    "envelope",
    "enveloped",
    "file",
    "key",
    "listing",
    "raw_body",
    "seal_keys",
    "stand",
    "told",
]
