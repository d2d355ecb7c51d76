"""The SOAP side of the simulated SSEV: WSDL, security, MTOM, faults (facts 7).

It unwraps a call, hands it to `ssev_soap_operations` and wraps the answer.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Final

from aiohttp import web
from lxml import etree

from depesha.errors import WireError
from depesha.ports import IdSource
from depesha.schemas import xml
from depesha.schemas.wire.ssev import (
    CONTRACT,
    DATA,
    ENUMS,
    FOLDER,
    PLACEHOLDER_ADDRESS,
    SERVICE_WSDL,
    SOAP,
    SUBJECT,
    WSSE,
    WSU,
    XSI,
    action,
)
from depesha.simulators.ssev_files import StamperDownError
from depesha.simulators.ssev_gate import Gate
from depesha.simulators.ssev_mtom import Parts, split
from depesha.simulators.ssev_quirks import of_action
from depesha.simulators.ssev_soap_operations import FaultError, InnerError, Operations
from depesha.simulators.ssev_soap_reading import Parameters
from depesha.simulators.ssev_soap_security import Doors, SecurityError, verify
from depesha.simulators.ssev_soap_shapes import SoapShapes
from depesha.simulators.ssev_state import ServerError, SsevState
from depesha.simulators.ssev_values import Caller

PATH: Final = "/Services/EDeliveryIntegrationService.svc"
REQUEST_BYTES: Final = 52_428_800
"""Largest request, envelope included (facts 7.1)."""
_LIFE: Final = timedelta(minutes=5)
_NAMESPACES: Final = {"s": SOAP, "u": WSU, "i": XSI, "a": DATA, "b": SUBJECT, "c": ENUMS}


class SoapService:
    """Answers the SOAP port."""

    def __init__(self, *, state: SsevState, ids: IdSource, gate: Gate) -> None:
        self._state = state
        self._ids = ids
        self._gate = gate
        self._operations = Operations(state)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one HTTP request as the switches allow."""
        if request.path.lower() != PATH.lower():
            return web.Response(status=404)
        if request.method == "GET":
            return await asyncio.to_thread(_describe, request)
        name = request.headers.get("SOAPAction", "").strip('"').rpartition("/")[2]
        instead = self._gate.before(request, of_action(name))
        if instead is not None:
            return instead
        if (request.content_length or 0) > REQUEST_BYTES:
            return web.Response(status=413)
        body = await request.read()
        if len(body) > REQUEST_BYTES:
            return web.Response(status=413)
        try:
            answer = await self._answer(request, name, body)
        except FaultError as error:
            answer = _fault("s:Client", str(error))
        except SecurityError:
            text = "An error occurred when verifying security for the message."
            answer = _fault("wsse:InvalidSecurity", text)
        except WireError:
            answer = _fault("s:Client", "The message could not be processed.")
        return await self._end(request, name, answer)

    async def _end(
        self, request: web.Request, name: str, answer: web.Response
    ) -> web.StreamResponse:
        done = answer.status == 200  # noqa: PLR2004 -- OK
        sent = done and name.startswith("Send")
        opened = done and name == "GetReceivedMessageContent"
        if sent and self._state.oddity.spend("failed_answers"):
            return _fault("s:Client", str(InnerError()))
        if opened and self._state.oddity.spend("cut_downloads"):
            return await _cut(request, answer, self._state.oddity.quirks.cut_after)
        return await self._gate.after(request, answer, of_action(name))

    async def _answer(self, request: web.Request, name: str, body: bytes) -> web.Response:
        quirks = self._state.oddity.quirks
        envelope, parts = split(request.headers.get("Content-Type", ""), body)
        root = (await asyncio.to_thread(xml.parse, envelope)).root
        doors = Doors(timestamp_alone=quirks.timestamp_alone_signed, sha1_alone=quirks.sha1_alone)
        certificate = verify(root, self._state.clock.now(), doors)
        caller = self._state.people.by_certificate(certificate)
        if caller is None:
            raise FaultError("Invalid client certificate")
        wrapper = _wrapper(root)
        called = etree.QName(wrapper).localname
        if called not in self._operations.table or action(called) != action(name):
            raise FaultError("The message could not be processed: ActionNotSupported")
        if self._state.oddity.spend("soap_faults", of_action(called)):
            raise InnerError
        return await self._do(called, caller, Parameters.of_call(wrapper, parts))

    async def _do(self, name: str, caller: Caller, call: Parameters) -> web.Response:
        quirks = self._state.oddity.quirks
        answer = etree.Element(f"{{{SOAP}}}Envelope", nsmap=_NAMESPACES)
        self._head(answer)
        body = etree.SubElement(answer, f"{{{SOAP}}}Body")
        response = etree.SubElement(body, f"{{{CONTRACT}}}{name}Response", nsmap=_default())
        result = etree.SubElement(response, f"{{{CONTRACT}}}{name}Result")
        collected = Parts(10**9 if quirks.plain_soap_answers else quirks.inline_below)
        try:
            await self._operations.table[name](
                caller, call, result, SoapShapes(self._state, collected)
            )
        except (ServerError, StamperDownError):
            raise InnerError from None
        text = etree.tostring(answer, encoding="utf-8")
        if quirks.plain_soap_answers:
            return web.Response(body=text, content_type="text/xml", charset="utf-8")
        kind, whole = collected.join(text, f"uuid:{self._ids.guid()}+id=1")
        return web.Response(body=whole, headers={"Content-Type": kind, "MIME-Version": "1.0"})

    def _head(self, envelope: etree._Element) -> None:
        """A security header with an unsigned timestamp, which the client must understand."""
        header = etree.SubElement(envelope, f"{{{SOAP}}}Header")
        security = etree.SubElement(header, f"{{{WSSE}}}Security", nsmap={"o": WSSE})
        security.set(f"{{{SOAP}}}mustUnderstand", "1")
        timestamp = etree.SubElement(security, f"{{{WSU}}}Timestamp")
        timestamp.set(f"{{{WSU}}}Id", "_0")
        now = self._state.clock.now()
        for name, moment in (("Created", now), ("Expires", now + _LIFE)):
            text = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
            etree.SubElement(timestamp, f"{{{WSU}}}{name}").text = text


def _default() -> dict[str, str]:
    return {"t": CONTRACT}


def _wrapper(root: etree._Element) -> etree._Element:
    body = root.find(f"{{{SOAP}}}Body")
    if root.tag != f"{{{SOAP}}}Envelope" or body is None or len(body) != 1:
        raise WireError("this is no SOAP call")
    if etree.QName(body[0]).namespace != CONTRACT:
        raise WireError("this is no call of the service")
    return body[0]


def _fault(code: str, text: str) -> web.Response:
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"s": SOAP, "wsse": WSSE})
    fault = etree.SubElement(etree.SubElement(envelope, f"{{{SOAP}}}Body"), f"{{{SOAP}}}Fault")
    etree.SubElement(fault, "faultcode").text = code
    etree.SubElement(fault, "faultstring").text = text
    return web.Response(
        status=500,
        body=etree.tostring(envelope, encoding="utf-8"),
        content_type="text/xml",
        charset="utf-8",
    )


async def _cut(request: web.Request, answer: web.Response, after: int) -> web.StreamResponse:
    body = answer.body
    content = body if isinstance(body, bytes) else b""
    response = web.StreamResponse(headers={"Content-Type": answer.headers["Content-Type"]})
    response.content_length = len(content)
    await response.prepare(request)
    await response.write(content[:after])
    if request.transport is not None:
        request.transport.abort()
    return response


def _describe(request: web.Request) -> web.Response:
    """Serve `?wsdl`, `?singleWsdl` (schemas inside) and `?xsd=name`."""
    query = {key.lower(): value for key, value in request.query.items()}
    address = f"{request.scheme}://{request.host}{request.path}"
    if "xsd" in query:
        path = FOLDER / Path(query["xsd"]).name
        if path.suffix != ".xsd" or not path.is_file():
            return web.Response(status=404)
        return _xml(
            path.read_text(encoding="utf-8").replace(
                'schemaLocation="', f'schemaLocation="{address}?xsd='
            )
        )
    text = SERVICE_WSDL.read_text(encoding="utf-8").replace(PLACEHOLDER_ADDRESS, address)
    if "singlewsdl" in query:
        return _xml(_inlined(text))
    if "wsdl" in query:
        return _xml(text.replace('schemaLocation="', f'schemaLocation="{address}?xsd='))
    return web.Response(status=404)


def _inlined(text: str) -> str:
    root = xml.parse(text.encode()).root
    types = root.find("{http://schemas.xmlsoap.org/wsdl/}types")
    if types is None:
        raise WireError("the description has no types")
    types[:] = []
    for path in sorted(FOLDER.glob("*.xsd")):
        schema = xml.parse(path).root
        for imported in schema.findall("{http://www.w3.org/2001/XMLSchema}import"):
            if "schemaLocation" in imported.attrib:
                del imported.attrib["schemaLocation"]
        types.append(schema)
    return xml.serialise(root).decode()


def _xml(text: str) -> web.Response:
    return web.Response(body=text.encode(), content_type="text/xml", charset="utf-8")
