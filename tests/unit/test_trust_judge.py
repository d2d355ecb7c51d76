"""Whom the gateway trusts: each rule of the judge alone, and what relaxing it by name allows."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from depesha.adapters.certificates import Certificate
from depesha.adapters.revocation import RevocationLists
from depesha.adapters.trust import CertificateJudge, TrustPolicy
from depesha.errors import ConfigurationError, WireError
from depesha.schemas.ids import serial_number
from depesha.schemas.verdict import Hold, Reason, Rejection
from depesha.simulators.authority import Authority, Identity
from tests.support.signatures import NOW, fresh_authority, judge, lists, network, policy

DAY = timedelta(days=1)


def reason(
    using: CertificateJudge, identity: Identity, at: datetime = NOW, *, other: str = ""
) -> Reason | None:
    certificate = Certificate.read(identity.certificate_der)
    expected = serial_number(other) if other else identity.serial
    found = using.judge(certificate, [expected], at)
    return found.reason if found else None


def test_good() -> None:
    assert reason(judge(), network().victim) is None
    assert reason(judge(lists(fresh_authority())), network().victim) is None


def test_another_serial() -> None:
    assert reason(judge(), network().victim, other="AB") is Rejection.CERTIFICATE_OTHER
    relaxed = CertificateJudge(replace(policy(), register_serial=False))
    assert reason(relaxed, network().victim, other="AB") is None


@pytest.mark.parametrize("at", [NOW - 20 * DAY, NOW + 2_000 * DAY])
def test_dates(at: datetime) -> None:
    assert reason(judge(), network().victim, at) is Rejection.CERTIFICATE_EXPIRED
    relaxed = CertificateJudge(replace(policy(), validity=False))
    assert reason(relaxed, network().victim, at) is None


def test_chain() -> None:
    assert reason(judge(), network().attacker) is Rejection.CERTIFICATE_UNTRUSTED
    relaxed = CertificateJudge(replace(policy(), chain=False))
    assert reason(relaxed, network().attacker) is None


def test_same_names_and_serial_from_another_key() -> None:
    copycat = Authority.create("Примерен издател", at=NOW - 30 * DAY, key=network().attacker.key)
    victim = network().victim
    forged = copycat.issue(
        "primer.example",
        eik="000000001",
        at=NOW - DAY,
        serial=victim.serial,
        key=network().attacker.key,
    )
    assert forged.serial == victim.serial
    assert reason(judge(), forged) is Rejection.CERTIFICATE_UNTRUSTED


def test_an_authority_is_no_participant() -> None:
    authority = network().authority
    as_identity = Identity(key=authority.key, certificate=authority.certificate)
    assert reason(judge(), as_identity) is Rejection.CERTIFICATE_UNTRUSTED


def test_intermediate_authority() -> None:
    root = fresh_authority()
    between = root.intermediate("Второ ниво", at=NOW - 10 * DAY, key=network().neighbour.key)
    leaf = between.issue("v.example", eik="3", at=NOW - DAY, key=network().attacker.key)
    assert reason(judge(), leaf) is Rejection.CERTIFICATE_UNTRUSTED
    known = replace(policy(), intermediates=(between.certificate_pem,))
    assert reason(CertificateJudge(known), leaf) is None
    anchored = replace(policy(), authorities=(between.certificate_pem,))
    assert reason(CertificateJudge(anchored), leaf) is None


def test_revoked_though_the_certificate_names_no_list() -> None:
    authority = fresh_authority()
    authority.revoke(network().victim, at=NOW - DAY)
    using = judge(lists(authority))
    assert reason(using, network().victim) is Rejection.CERTIFICATE_REVOKED
    assert reason(using, network().neighbour) is None


def test_no_list_is_never_innocence() -> None:
    empty = RevocationLists([network().authority.certificate_pem])
    assert reason(judge(empty), network().victim) is Hold.REVOCATION_UNKNOWN


def test_a_stale_list_holds_unless_named() -> None:
    stale = lists(fresh_authority(), next_update=NOW - timedelta(hours=1))
    assert reason(judge(stale), network().victim) is Hold.REVOCATION_UNKNOWN
    accepted = replace(policy(revocation=True), stale_lists_accepted=True)
    assert reason(CertificateJudge(accepted, stale), network().victim) is None


def test_a_stale_list_still_names_the_revoked() -> None:
    authority = fresh_authority()
    authority.revoke(network().victim, at=NOW - 2 * DAY)
    stale = lists(authority, next_update=NOW - timedelta(hours=1))
    assert reason(judge(stale), network().victim) is Rejection.CERTIFICATE_REVOKED


def test_a_list_without_the_intermediate_is_not_enough() -> None:
    root = fresh_authority()
    between = root.intermediate("Второ ниво", at=NOW - 10 * DAY, key=network().neighbour.key)
    leaf = between.issue("v.example", eik="3", at=NOW - DAY, key=network().attacker.key)
    known = RevocationLists([root.certificate_pem, between.certificate_pem])
    rules = replace(policy(revocation=True), intermediates=(between.certificate_pem,))
    using = CertificateJudge(rules, known)
    known.put("leafs", between.crl(NOW - DAY, NOW + DAY))
    assert reason(using, leaf) is Hold.REVOCATION_UNKNOWN
    known.put("authorities", root.crl(NOW - DAY, NOW + DAY))
    assert reason(using, leaf) is None


def test_verdicts_are_kept_for_a_while_and_dropped_with_new_lists() -> None:
    authority = fresh_authority()
    known = lists(authority)
    using = judge(known)
    assert reason(using, network().victim) is None
    soon = NOW + timedelta(seconds=59)
    calls = len(using._kept)
    assert reason(using, network().victim, soon) is None
    assert len(using._kept) == calls == 1
    authority.revoke(network().victim, at=NOW - DAY)
    known.put("crl", authority.crl(NOW, NOW + DAY))
    assert reason(using, network().victim, soon) is Rejection.CERTIFICATE_REVOKED


@pytest.mark.parametrize(
    "rules",
    [
        TrustPolicy(revocation=False),
        TrustPolicy(authorities=(b"x",), revocation=False),
        TrustPolicy(chain=False),
        replace(policy(), revocation=True),
    ],
    ids=["no-authority", "no-certificate", "revocation-without-chain", "no-lists"],
)
def test_rules_that_cannot_be_kept_stop_the_start(rules: TrustPolicy) -> None:
    with pytest.raises(ConfigurationError):
        CertificateJudge(rules)


@pytest.mark.parametrize("size", [0, 1, 100, 500, 700])
def test_broken_certificates_are_wire_errors(size: int) -> None:
    with pytest.raises(WireError):
        Certificate.read(network().victim.certificate_der[:size])
