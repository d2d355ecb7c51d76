"""Independent clients and verifiers agree: zeep, curl, Debian's xmlsec1, signxml, our schema."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import zeep
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.verifier import SignatureConfiguration, XMLVerifier

from depesha.schemas.wire.seos import Form, schema
from depesha.schemas.xml import parse
from depesha.simulators import papers
from depesha.simulators.bodies import IZVOR, OBRAZETS, VRAH, Body
from depesha.simulators.seos_documents import (
    CLOSED,
    REGISTERED,
    REJECTED,
    WAITING,
    DocumentId,
    Enclosure,
    Failure,
    StatusResponse,
)
from depesha.simulators.seos_reading import read
from depesha.simulators.seos_signing import Hand
from depesha.simulators.seos_soap import unwrap_answer, wrap_request
from depesha.simulators.tls import KeyFiles
from tests.support.acceptance import Stage, curl, letter, run, verifies, word

DIGESTS = {"rsa-sha1": DigestAlgorithm.SHA1, "rsa-sha256": DigestAlgorithm.SHA256}
BETWEEN_ELEMENTS = re.compile(r">\s+<")


def by_zeep(url: str, keys: KeyFiles, wires: list[str]) -> list[Any]:
    """Submit with a client that knows nothing but the served description. Blocking."""
    made: Any = zeep  # its own types cover a part of it only
    transport = made.Transport(timeout=20)
    transport.session.cert = (str(keys.certificate), str(keys.key))
    transport.session.verify = str(keys.trusted)
    transport.session.trust_env = False  # else the caller's CA bundle goes before ours
    try:
        client = made.Client(f"{url}?wsdl", transport=transport)
        return [client.service.Submit(wire) for wire in wires]
    finally:
        transport.session.close()


async def emitted(world: Stage, body: Body) -> dict[str, str]:
    """Everything the gateway says to one partner: answers, errors and notices, by their kind."""
    peer = world.peer(body)
    request = letter("Искане")
    said: dict[str, str] = {"waiting": (await world.submit(request, peer)).answer}
    said["repeated"] = (await world.submit(request, peer)).answer
    message = await world.one(request)
    await world.register(message["id"], "ВХ-9 <&> „№“")
    await world.reaches(message["id"], "ACKNOWLEDGED")
    await world.office.close(message["id"], finished=True, reason="Край")
    bad = Enclosure(name="вирус.txt", content=papers.EICAR, media_type="text/plain")
    said["rejected"] = (await world.submit(letter("Вирус", bad), peer)).answer
    refused = letter("Не е за нас")
    await world.submit(refused, peer)
    await world.office.refuse(
        (await world.one(refused))["id"], "Не сме компетентни\nи няма да сме."
    )
    url, party = world.gateway.seos_url, OBRAZETS.party
    for name, document in (("state", request.document), ("unknown", letter().document)):
        only = DocumentId(guid=document.guid)
        said[name] = (await peer.ask(party, url, only)).answer
    unheard = StatusResponse(document=letter().document, status=REGISTERED)
    said["error"] = (await peer.say(party, url, unheard)).answer
    broken = Hand(algorithm=peer.quirks.algorithm, broken=True)
    said["refusal"] = (await world.submit(letter(), peer, broken)).answer
    for status, about in ((REGISTERED, request), (CLOSED, request), (REJECTED, refused)):
        seen = await peer.wait_for_status(about.document.guid, status, 10)
        said[f"notice {status}"] = seen.wire
    return said


@pytest.mark.parametrize(
    ("body", "algorithm"), [(IZVOR, "rsa-sha1"), (VRAH, "rsa-sha256")], ids=["sha1", "sha256"]
)
async def test_xmlsec1_and_signxml_verify_everything_we_say(
    world: Stage, tmp_path: Path, body: Body, algorithm: str
) -> None:
    """RCV-02, SIG-05: in the algorithm set for the partner; by CA, and by the register's word."""
    certificate = await asyncio.to_thread(world.keys(OBRAZETS).certificate.read_text, "ascii")
    said = await emitted(world, body)
    assert len(said) == 10, sorted(said)
    official = schema(Form.OFFICIAL)
    for name, wire in said.items():
        assert await verifies(tmp_path, wire, world.keys(OBRAZETS)) == [], name
        assert f"#{algorithm}" in wire, name
        await asyncio.to_thread(second_opinion, wire, certificate, algorithm)
        assert BETWEEN_ELEMENTS.search(wire) is None, name
        assert official.deviations(parse(wire.encode())) == (), name


def second_opinion(wire: str, certificate: str, algorithm: str) -> None:
    expected = SignatureConfiguration(
        signature_methods=frozenset({SignatureMethod[algorithm.upper().replace("-", "_")]}),
        digest_algorithms=frozenset({DIGESTS[algorithm]}),
        require_x509=True,
    )
    verifier = XMLVerifier()
    verifier.excise_empty_xmlns_declarations = True  # lxml's own fault in C14N (facts 5.5)
    verifier.verify(wire.encode(), x509_cert=certificate, expect_config=expected)


async def test_xmlsec1_refuses_what_was_changed(world: Stage, tmp_path: Path) -> None:
    """The verifier of these tests can say no."""
    answer = (await world.submit(letter())).answer
    changed = answer.replace("DS_WAIT_REGISTRATION", "DS_REGISTERED")
    assert len(await verifies(tmp_path, changed, world.keys(OBRAZETS))) == 2


async def test_a_zeep_client_made_from_our_wsdl_submits_and_reads_the_answer(
    world: Stage, tmp_path: Path
) -> None:
    """RCV-01, RCV-02: nothing but the address and a certificate is given to it."""
    request, broken = letter("От друг софтуер"), letter("Развален")
    wires = [
        await world.write(world.sender, request),
        await world.write(world.sender, broken, hand=Hand(broken=True)),
    ]
    good, bad = await asyncio.to_thread(by_zeep, world.gateway.seos_url, world.keys(IZVOR), wires)
    heard = read(good).body
    assert isinstance(heard, StatusResponse)
    assert (heard.status, heard.document.guid) == (WAITING, request.document.guid)
    error = read(bad).body
    assert isinstance(error, Failure)
    assert "[SIGNATURE_INVALID]" in error.description
    for said in (good, bad):
        assert await verifies(tmp_path, said, world.keys(OBRAZETS)) == []
    message = await world.one(request)
    await world.register(message["id"], "ВХ-91")
    seen = await world.sender.wait_for_status(request.document.guid, REGISTERED, 10)
    assert await verifies(tmp_path, seen.wire, world.keys(OBRAZETS)) == []


async def by_curl(
    world: Stage, envelope: bytes, *more: str, path: str = "", action: bool = True
) -> str:
    url = world.gateway.seos_url.removesuffix("/seos") + (path or "/seos")
    status, body = await curl(world.keys(IZVOR), url, envelope, *more, action=action)
    assert status == 200, body[:500]
    return unwrap_answer(body) or ""


def said_by(answer: str) -> str:
    body = read(answer).body
    return body.status if isinstance(body, StatusResponse) else type(body).__name__


@pytest.mark.parametrize(
    ("cdata", "bom", "action", "path", "more"),
    [
        (False, False, True, "/seos", ()),
        (True, False, True, "/seos", ()),
        (False, True, True, "/seos", ()),
        (False, False, False, "/seos", ()),
        (False, False, True, "/", ()),
        (False, False, True, "/DocExchangeService/submit.php?a=b", ()),
        (False, False, True, "/seos", ("-H", "Expect: 100-continue")),
        (False, False, True, "/seos", ("-H", "Transfer-Encoding: chunked")),
        (False, False, True, "/seos", ("--http1.0",)),
        (True, True, False, "/", ("-H", "Expect: 100-continue")),
    ],
    ids=[
        *("plain", "cdata", "bom", "no-action", "root-path", "other-path", "expect", "chunked"),
        *("http-1.0", "everything"),
    ],
)
async def test_plain_curl_is_served(
    world: Stage, *, cdata: bool, bom: bool, action: bool, path: str, more: tuple[str, ...]
) -> None:
    """RCV-02: facts 2.2 and 2.3."""
    request = letter("С curl")
    hand = Hand(algorithm="rsa-sha1", bom=bom, prefix="ns3")
    wire = await world.write(world.sender, request, hand=hand)
    envelope = wrap_request(wire, cdata=cdata)
    if bom:
        envelope = b"\xef\xbb\xbf" + envelope
    answer = await by_curl(world, envelope, *more, path=path, action=action)
    assert said_by(answer) == WAITING
    assert (await world.one(request))["state"] == "ADMITTED"


async def test_a_caller_without_a_client_certificate_gets_nowhere(world: Stage) -> None:
    """Facts 2.4, ROL-02."""
    done = await run(
        *("curl", "-sS", "--max-time", "10", "--cacert", world.keys(IZVOR).trusted),
        *("--data-binary", "x", world.gateway.seos_url),
    )
    assert done.status != 0
    assert done.out == b""


async def test_a_large_body_announced_is_refused_before_it_is_sent(world: Stage) -> None:
    """CHK-04: `Expect: 100-continue` and too large a length end in 413 at once."""
    status, _ = await curl(
        world.keys(IZVOR),
        world.gateway.seos_url,
        b" " * 5_000_000,
        *("-H", "Expect: 100-continue"),
    )
    assert status == 413
    assert word(await world.submit(letter())) == WAITING
