"""The bare way: every step a received message cannot do without, in one function, and no more.

It parses, verifies, decodes, digests, writes with fsync, scans, commits and signs the answer.
There is no register, no check, no evidence, no registry, no repeat: it is a measuring rod for the
gateway, not a gateway. The commit is grouped and the answer waits for it, as law 2 wants.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import socket
import ssl
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import apsw
import pybase64
import xmlsec
from aiohttp import web
from cryptography import x509
from lxml import etree

from depesha.adapters.signature_form import inspect
from depesha.adapters.signature_plain import holds
from depesha.schemas.xml import Document

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

NS = "{http://schemas.egov.bg/messaging/v1}"
ANSWER = (
    '<Message xmlns="http://schemas.egov.bg/messaging/v1"><Header><Version>1.0</Version>'
    "<MessageType>MSG_DocumentStatusResponse</MessageType>"
    "<MessageDate>2026-01-01T00:00:00.0000000+02:00</MessageDate>"
    "<Sender><Identifier>1</Identifier><AdministrativeBodyName>B</AdministrativeBodyName>"
    "<GUID>{g}</GUID></Sender><Recipient><Identifier>2</Identifier>"
    "<AdministrativeBodyName>A</AdministrativeBodyName><GUID>{g}</GUID></Recipient>"
    "<MessageGUID>{g}</MessageGUID></Header><Body><DocumentStatusResponse><DocID>"
    "<DocumentGUID>{g}</DocumentGUID></DocID><DocRegStatus>DS_WAIT_REGISTRATION</DocRegStatus>"
    "</DocumentStatusResponse></Body></Message>"
)


def parser() -> etree.XMLParser:
    """The hardened parser's settings."""
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        huge_tree=True,
    )


class Commits:
    """Rows of many threads in one commit; `row` returns when its row is on disk."""

    def __init__(self, path: Path) -> None:
        self._database = apsw.Connection(str(path))
        self._database.execute("pragma journal_mode=wal; pragma synchronous=full")
        self._database.execute("create table message(id text primary key, digest text, size int)")
        self._waiting: list[tuple[tuple[str, str, int], threading.Event]] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def row(self, values: tuple[str, str, int]) -> None:
        """Wait until the row is committed."""
        done = threading.Event()
        with self._lock:
            self._waiting.append((values, done))
        self._wake.set()
        done.wait()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            with self._lock:
                group, self._waiting = self._waiting, []
            with self._database:
                self._database.executemany(
                    "insert into message values(?,?,?)", [values for values, _ in group]
                )
            for _, done in group:
                done.set()


class Bare:
    """The one function and what it needs."""

    def __init__(self, folder: Path, key: Path, certificate: Path, clamd: str) -> None:
        self._folder = folder
        self._clamd = clamd
        self._commits = Commits(folder / "bare.db")
        self._local = threading.local()
        self._key = key.read_bytes()
        self._certificate = certificate.read_bytes()
        self._keys: dict[str, RSAPublicKey] = {}

    def _signer(self) -> Any:
        if not hasattr(self._local, "key"):
            form = xmlsec.constants.KeyDataFormatPem
            self._local.key = xmlsec.Key.from_memory(self._key, form)
            self._local.key.load_cert_from_memory(self._certificate, form)
        return self._local.key

    def handle(self, body: bytes) -> bytes:
        """A message from bytes to signed answer."""
        outer = etree.fromstring(body, parser())
        text = outer.findtext(".//{http://services.egov.bg/messaging/}request") or ""
        inner = text.encode()
        root = etree.fromstring(inner, parser())
        self._verify(root)
        attachment = root.findtext(f".//{NS}AttBody") or ""
        content = pybase64.b64decode(attachment, validate=True)
        digest = hashlib.sha256(content).hexdigest()
        self._write(inner)
        self._scan(content)
        self._commits.row((str(uuid.uuid4()), digest, len(inner)))
        return self._answer()

    def _verify(self, root: etree._Element) -> None:
        """By the gateway's own mathematics, the quickest known here; nobody's trust is judged."""
        form = inspect(root)
        key = self._keys.get(form.certificate)
        if key is None:
            certificate = x509.load_der_x509_certificate(pybase64.b64decode(form.certificate))
            key = self._keys[form.certificate] = cast("RSAPublicKey", certificate.public_key())
        if not holds(Document(root, small=True), form, key):
            raise ValueError("the signature does not hold")

    def _write(self, inner: bytes) -> None:
        name = hashlib.sha256(inner).hexdigest()
        folder = self._folder / name[:2]
        folder.mkdir(exist_ok=True)
        spool = self._folder / f"{name}.new"
        with spool.open("wb") as file:
            file.write(inner)
            file.flush()
            os.fsync(file.fileno())
        spool.rename(folder / name)
        handle = os.open(folder, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)

    def _scan(self, content: bytes) -> None:
        file = os.memfd_create("attachment")
        try:
            os.write(file, content)
            os.lseek(file, 0, os.SEEK_SET)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(self._clamd)
                connection.sendall(b"zFILDES\0")
                socket.send_fds(connection, [b"x"], [file])
                answer = connection.recv(4096)
        finally:
            os.close(file)
        if not answer.rstrip(b"\0\n").endswith(b"OK"):
            raise ValueError("not clean")

    def _sign(self, root: etree._Element) -> None:
        signature = xmlsec.template.create(
            root, xmlsec.constants.TransformInclC14N, xmlsec.constants.TransformRsaSha1
        )
        root.append(signature)
        reference = xmlsec.template.add_reference(signature, xmlsec.constants.TransformSha1, uri="")
        xmlsec.template.add_transform(reference, xmlsec.constants.TransformEnveloped)
        info = xmlsec.template.ensure_key_info(signature)
        xmlsec.template.add_x509_data(info)
        context = xmlsec.SignatureContext()
        context.key = self._signer()
        context.sign(signature)

    def _answer(self) -> bytes:
        root = etree.fromstring(ANSWER.replace("{g}", "{" + str(uuid.uuid4()) + "}"), parser())
        self._sign(root)
        envelope = etree.Element("{http://schemas.xmlsoap.org/soap/envelope/}Envelope")
        result = etree.SubElement(
            etree.SubElement(
                etree.SubElement(envelope, "{http://schemas.xmlsoap.org/soap/envelope/}Body"),
                "{http://services.egov.bg/messaging/}SubmitResponse",
            ),
            "{http://services.egov.bg/messaging/}SubmitResult",
        )
        result.text = etree.tostring(root, encoding="unicode")
        return etree.tostring(envelope, encoding="utf-8", xml_declaration=True)


async def serve(options: argparse.Namespace) -> None:
    """Serve until killed."""
    bare = Bare(options.folder, options.key, options.certificate, options.clamd)
    pool = ThreadPoolExecutor(options.threads)

    async def post(request: web.Request) -> web.Response:
        body = await request.read()
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(pool, bare.handle, body)
        return web.Response(body=answer, content_type="text/xml", charset="utf-8")

    application = web.Application(client_max_size=1 << 30)
    application.router.add_post("/seos", post)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(options.trusted))
    context.load_cert_chain(options.certificate, options.key)
    context.verify_mode = ssl.CERT_REQUIRED
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", options.port, ssl_context=context).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Read the arguments and serve."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--key", type=Path, required=True)
    arguments.add_argument("--certificate", type=Path, required=True)
    arguments.add_argument("--trusted", type=Path, required=True)
    arguments.add_argument("--clamd", required=True)
    arguments.add_argument("--threads", type=int, default=16)
    asyncio.run(serve(arguments.parse_args()))


if __name__ == "__main__":
    main()
