"""The bare way out: every step a document cannot leave without, in one function, and no more.

It reads the form, writes the file with fsync, scans it, builds and signs the request, writes the
very bytes with fsync, posts them over TLS and verifies the answer's signature. There is no store,
no evidence, no register, no plan and no repeat: a measuring rod for the gateway, not a gateway.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import ssl
import uuid
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import Any

import pybase64
from aiohttp import BodyPartReader, web
from lxml import etree

from bench import bare
from bench.wire import Message, read_message

NS = bare.NS
REQUEST = (
    '<Message xmlns="http://schemas.egov.bg/messaging/v1"><Header><Version>1.0</Version>'
    "<MessageType>MSG_DocumentRegistrationRequest</MessageType>"
    "<MessageDate>2026-01-01T00:00:00.0000000+02:00</MessageDate>"
    "<Sender><Identifier>{us[0]}</Identifier><AdministrativeBodyName>{us[1]}"
    "</AdministrativeBodyName><GUID>{us[2]}</GUID></Sender><Recipient>"
    "<Identifier>{them[0]}</Identifier><AdministrativeBodyName>{them[1]}"
    "</AdministrativeBodyName><GUID>{them[2]}</GUID></Recipient>"
    "<MessageGUID>{message}</MessageGUID></Header><Body><DocumentRegistrationRequest><Document>"
    "<DocID><DocumentNumber><DocNumber>{number}</DocNumber><DocDate>{date}</DocDate>"
    "</DocumentNumber><DocumentGUID>{document}</DocumentGUID></DocID><DocKind>{kind}</DocKind>"
    "<DocAttachmentList><Attachment><AttFileName>{name}</AttFileName><AttBody>{content}</AttBody>"
    "<AttMIMEType>application/pdf</AttMIMEType></Attachment></DocAttachmentList>"
    "<DocAbout>{subject}</DocAbout></Document><Comment>N/A</Comment>"
    "</DocumentRegistrationRequest></Body></Message>"
)
SOAP = (
    b'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/'
    b'envelope/"><s:Body><Submit xmlns="http://services.egov.bg/messaging/"><request>%b</request>'
    b"</Submit></s:Body></s:Envelope>"
)
HEAD = (
    "POST /seos HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml; charset=utf-8\r\n"
    'SOAPAction: "http://services.egov.bg/messaging/IEGovService/Submit"\r\n'
    "Content-Length: {length}\r\n\r\n"
)


class BareOut(bare.Bare):
    """The one function and what it needs; the steps it shares with the bare way in are there."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options.folder, options.key, options.certificate, options.clamd)
        self._us, self._them = json.loads(options.parties)
        self._peer = options.peer
        self._tls = ssl.create_default_context(cafile=str(options.trusted))
        self._tls.load_cert_chain(options.certificate, options.key)
        self._tls.check_hostname = False

    def send(self, words: dict[str, Any], name: str, content: bytes) -> bytes:
        """A document from its form to the verified answer; raises where anything fails."""
        self._write(content)
        self._scan(content)
        signed = self._signed(words, name, content)
        self._write(signed)
        text = signed.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
        return self._believed(self._post(SOAP % text), words["document"]["guid"])

    def _signed(self, words: dict[str, Any], name: str, content: bytes) -> bytes:
        document = words["document"]
        text = REQUEST.format(
            us=[escape(part) for part in self._us],
            them=[escape(part) for part in self._them],
            message="{" + str(uuid.uuid4()) + "}",
            number=escape(document["number"]),
            date=document["date"],
            document="{" + document["guid"] + "}",
            kind=escape(words["kind"]),
            name=escape(name),
            content=pybase64.b64encode_as_string(content),
            subject=escape(words["subject"]),
        )
        root = etree.fromstring(text.encode(), bare.parser())
        self._sign(root)
        return etree.tostring(root, encoding="utf-8")

    def _post(self, body: bytes) -> Message:
        head = HEAD.format(length=len(body)).encode()
        connection = self._connection()
        connection.sendall(head + body)
        answer = read_message(connection)
        if answer is None or answer.status != 200:
            raise ValueError("not taken")
        return answer

    def _connection(self) -> ssl.SSLSocket:
        """One connection a thread, kept."""
        if not hasattr(self._local, "connection"):
            raw = socket.create_connection(("127.0.0.1", self._peer), timeout=60)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._local.connection = self._tls.wrap_socket(raw)
        connection: ssl.SSLSocket = self._local.connection
        return connection

    def _believed(self, answer: Message, document: str) -> bytes:
        outer = etree.fromstring(answer.body, bare.parser())
        text = outer.findtext(".//{http://services.egov.bg/messaging/}SubmitResult") or ""
        root = etree.fromstring(text.encode(), bare.parser())
        self._verify(root)
        if root.findtext(f".//{NS}DocumentGUID") != "{" + document + "}":
            raise ValueError("an answer about another document")
        return (root.findtext(f".//{NS}DocRegStatus") or "").encode()


async def serve(options: argparse.Namespace) -> None:
    """Serve until killed."""
    way = BareOut(options)
    pool = ThreadPoolExecutor(options.threads)

    async def post(request: web.Request) -> web.Response:
        form = await request.multipart()
        words: dict[str, Any] = {}
        name, content = "", b""
        while isinstance(part := await form.next(), BodyPartReader):
            data = bytes(await part.read())
            if part.name == "message":
                words = json.loads(data)
            else:
                name, content = part.filename or "", data
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(pool, way.send, words, name, content)
        return web.Response(status=202, body=answer)

    application = web.Application(client_max_size=1 << 30)
    application.router.add_post("/api/v1/messages", post)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", options.port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Read the arguments and serve."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--peer", type=int, required=True)
    arguments.add_argument("--parties", required=True, help="JSON: two of identifier, name, GUID")
    arguments.add_argument("--key", type=Path, required=True)
    arguments.add_argument("--certificate", type=Path, required=True)
    arguments.add_argument("--trusted", type=Path, required=True)
    arguments.add_argument("--clamd", required=True)
    arguments.add_argument("--threads", type=int, default=16)
    asyncio.run(serve(arguments.parse_args()))


if __name__ == "__main__":
    main()
