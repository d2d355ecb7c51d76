"""The attack corpus against parser and verifier: every case refused, each for its own reason."""

import functools

import pytest

from depesha.errors import WireError
from depesha.schemas.verdict import Reason, Rejection
from depesha.schemas.xml import parse
from depesha.simulators.attacks import Attack, corpus
from tests.support.signatures import NOW, network, signed, verifier


@functools.cache
def attacks() -> dict[str, Attack]:
    made = network()
    cases = corpus(
        signed(),
        victim=made.victim,
        attacker=made.attacker,
        authority=made.authority,
        large=False,
    )
    return {case.name: case for case in cases}


def refused(case: Attack) -> Reason | None:
    try:
        document = parse(case.document)
    except WireError:
        return Rejection.NOT_XML
    found = verifier().verify(document, [network().victim.serial], NOW).finding
    return found.reason if found else None


@pytest.mark.parametrize("name", sorted(attacks()))
def test_refused(name: str) -> None:
    case = attacks()[name]
    assert refused(case) in case.expected


def test_corpus_is_whole() -> None:
    cases = list(
        corpus(
            signed("rsa-sha256"),
            victim=network().victim,
            attacker=network().attacker,
            authority=network().authority,
            large=False,
        )
    )
    names = [case.name for case in cases]
    assert len(names) == len(set(names)) >= 120
    assert sum(name.startswith("xsw") for name in names) >= 8
    assert all(case.why and case.expected for case in cases)


def test_whitespace_of_fifty_megabytes_is_refused_in_time() -> None:
    made = network()
    cases = corpus(signed(), victim=made.victim, attacker=made.attacker, authority=made.authority)
    large = [case for case in cases if case.name.startswith(("whitespace", "comments"))]
    assert [case.name for case in large if refused(case) not in case.expected] == []
    assert len(large) == 4
