"""What the verifier accepts, what it says of it, and what it leaves behind."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from depesha.adapters.signing import METHODS
from depesha.adapters.trust import CertificateJudge
from depesha.adapters.verifying import XmlVerifier
from depesha.schemas.ids import serial_number
from depesha.schemas.verdict import Hold, Rejection
from depesha.schemas.xml import parse, serialise
from depesha.simulators.attack_tools import (
    DS,
    STEP,
    Shape,
    certificate_xml,
    key_value_xml,
    reference_xml,
    signing_key,
    tree,
)
from depesha.simulators.attack_tools import signed as signed_as
from tests.support.signatures import (
    NOW,
    fresh_authority,
    judge,
    lists,
    message,
    network,
    policy,
    signed,
    signer,
    verifier,
    verify,
)

EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
C14N11 = "http://www.w3.org/2006/12/xml-c14n11"


def as_sent(shape: Shape, document: bytes | None = None) -> bytes:
    root = tree(document or message())
    signed_as(root, shape, signing_key(network().victim))
    return serialise(root)


@pytest.mark.parametrize("algorithm", METHODS)
def test_every_algorithm_of_the_network(algorithm: str) -> None:
    facts = verify(signed(algorithm))
    assert facts.finding is None
    assert facts.algorithm == algorithm
    assert facts.weak is (algorithm == "rsa-sha1")
    assert facts.certificate is not None
    assert facts.certificate.serial == network().victim.serial
    assert facts.certificate.subject == "CN=primer.example,ST=B:000000001,C=BG"


def test_the_signature_is_taken_out_of_the_tree_that_is_read() -> None:
    document = parse(signed())
    assert verifier().verify(document, [network().victim.serial], NOW).finding is None
    assert serialise(document.root) == message()


def test_a_bad_document_keeps_its_signature() -> None:
    document = parse(signed().replace("Писмо".encode(), "Писма".encode()))
    found = verifier().verify(document, [network().victim.serial], NOW).finding
    assert found is not None
    assert found.reason is Rejection.SIGNATURE_INVALID
    assert document.root[-1].tag == f"{{{DS}}}Signature"


@pytest.mark.parametrize("method", [EXCLUSIVE, C14N11])
def test_other_canonicalisations(method: str) -> None:
    shape = Shape(
        key_info=certificate_xml(network().victim),
        canonical=f'<CanonicalizationMethod Algorithm="{method}"/>',
        references=reference_xml(steps=STEP + f'<Transform Algorithm="{method}"/>'),
    )
    assert verify(as_sent(shape)).finding is None


def test_exclusive_canonicalisation_with_a_prefix_list() -> None:
    prefixes = f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="#default"/>'
    step = f'<Transform Algorithm="{EXCLUSIVE}">{prefixes}</Transform>'
    shape = Shape(
        key_info=certificate_xml(network().victim), references=reference_xml(steps=STEP + step)
    )
    assert verify(as_sent(shape)).finding is None


def test_a_pretty_printed_request_as_it_was_signed() -> None:
    pretty = message().replace(b"><", b">\n  <")
    facts = verify(as_sent(Shape(key_info=certificate_xml(network().victim)), pretty))
    assert facts.finding is None


def test_the_certificate_twice_and_a_key_value_beside_it() -> None:
    victim = network().victim
    info = key_value_xml(victim) + certificate_xml(victim, victim)
    assert verify(as_sent(Shape(key_info=info))).finding is None


def test_line_breaks_inside_the_certificate() -> None:
    info = certificate_xml(network().victim)
    wrapped = info[:200] + "\r\n" + info[200:]
    assert verify(as_sent(Shape(key_info=wrapped))).finding is None


def test_a_comment_that_changes_nothing_is_read_over() -> None:
    document = parse(signed().replace("Искане за".encode(), "Искане<!-- -->\u00a0за".encode()))
    assert verifier().verify(document, [network().victim.serial], NOW).finding is not None
    document = parse(signed().replace("Искане за".encode(), "Искане<!-- --> за".encode()))
    assert verifier().verify(document, [network().victim.serial], NOW).finding is None
    assert "Искане за данни" in serialise(document.root).decode()


def test_the_declared_encoding_is_not_looked_at() -> None:
    assert verify(signed().replace(b'"utf-8"', b'"windows-1251"')).finding is None


def test_nobody_expected_is_never_right() -> None:
    found = verifier().verify(parse(signed()), [], NOW).finding
    assert found is not None
    assert found.reason is Rejection.CERTIFICATE_OTHER


def test_an_older_serial_of_the_register_is_right_too() -> None:
    expected = [serial_number("AB12"), network().victim.serial]
    assert verifier().verify(parse(signed()), expected, NOW).finding is None


def test_a_weak_key_is_told() -> None:
    authority = network().authority
    weak = authority.issue("w.example", eik="1", at=NOW - timedelta(days=1), key_bits=1024)
    strong = Shape(
        key_info=certificate_xml(weak),
        method=f'<SignatureMethod Algorithm="{METHODS["rsa-sha256"][0]}"/>',
        references=reference_xml(digest=METHODS["rsa-sha256"][1]),
    )
    root = tree(message())
    signed_as(root, strong, signing_key(weak))
    using = XmlVerifier(CertificateJudge(replace(policy(), chain=False)))
    facts = using.verify(parse(serialise(root)), [weak.serial], NOW)
    assert facts.finding is None
    assert facts.weak


def test_unknown_revocation_holds_only_what_is_not_forged() -> None:
    stale = lists(fresh_authority(), next_update=NOW - timedelta(hours=1))
    using = XmlVerifier(judge(stale))
    held = parse(signed())
    found = using.verify(held, [network().victim.serial], NOW).finding
    assert found is not None
    assert found.reason is Hold.REVOCATION_UNKNOWN
    assert serialise(held.root) == message()
    forged = parse(signed().replace("Писмо".encode(), "Писма".encode()))
    found = using.verify(forged, [network().victim.serial], NOW).finding
    assert found is not None
    assert found.reason is Rejection.SIGNATURE_INVALID


def test_four_threads_sign_and_verify_together() -> None:
    using, own = verifier(), signer()
    faults: list[object] = []

    def work(number: int) -> None:
        for turn in range(200):
            document = own.sign(message(about=f"{number}-{turn}"), "rsa-sha1")
            facts = using.verify(parse(document), [network().victim.serial], NOW)
            if facts.finding is not None:
                faults.append(facts.finding)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
