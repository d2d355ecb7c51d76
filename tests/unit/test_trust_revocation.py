"""Revocation lists: taken only when signed and newer, kept when a source fails."""

from datetime import timedelta
from pathlib import Path

import pytest

from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.system import HandClock, InlineThreads
from depesha.adapters.revocation import RevocationLists, RevocationRefresher
from depesha.errors import UnreachableError, WireError
from tests.support.signatures import NOW, fresh_authority, network

DAY = timedelta(days=1)


def holder() -> RevocationLists:
    return RevocationLists([network().authority.certificate_pem])


def test_takes_der_and_pem_and_tells_its_state() -> None:
    authority, known = fresh_authority(), holder()
    authority.revoke(network().victim, at=NOW - DAY)
    state = known.put("a", authority.crl(NOW, NOW + DAY))
    assert (state.entries, state.this_update, state.next_update) == (1, NOW, NOW + DAY)
    assert not state.stale(NOW)
    assert state.stale(NOW + 2 * DAY)
    assert known.version == 1


def test_the_same_list_again_changes_nothing() -> None:
    known = holder()
    content = fresh_authority().crl(NOW, NOW + DAY)
    known.put("a", content)
    known.put("a", content)
    assert known.version == 1


def test_refuses_strangers_older_ones_and_noise() -> None:
    known = holder()
    known.put("a", fresh_authority().crl(NOW, NOW + DAY))
    before = known.current
    for content in (
        network().elsewhere.crl(NOW + DAY, NOW + 2 * DAY),
        fresh_authority().crl(NOW - DAY, NOW + 2 * DAY),
        b"noise",
        b"-----BEGIN X509 CRL-----",
    ):
        with pytest.raises(WireError):
            known.put("a", content)
    assert known.current == before


def refresher(known: RevocationLists, source: str, answers: list[bytes]) -> RevocationRefresher:
    async def fetch(address: str) -> bytes:
        if not answers:
            raise UnreachableError("nobody there")
        return answers.pop(0)

    return RevocationRefresher(
        sources=[source],
        lists=known,
        fetch=fetch,
        clock=HandClock(NOW),
        threads=InlineThreads(),
        observer=RecordingObserver(),
    )


async def test_the_last_good_list_stays_when_its_server_fails() -> None:
    known = holder()
    good = fresh_authority().crl(NOW, NOW + DAY)
    made = refresher(known, "http://crl.example/a.crl", [good, b"noise"])
    (state,) = await made.refresh()
    assert (state.problem, state.fetched_at) == ("", NOW)
    for _ in range(2):
        (state,) = await made.refresh()
        assert state.problem
        assert (state.next_update, state.fetched_at) == (NOW + DAY, NOW)
        assert len(known.current) == 1


async def test_reads_files(tmp_path: Path) -> None:
    path = tmp_path / "a.crl"
    known = holder()
    made = refresher(known, str(path), [])
    (state,) = await made.refresh()
    assert state.problem
    assert state.stale(NOW)
    path.write_bytes(fresh_authority().crl(NOW, NOW + DAY))
    (state,) = await made.refresh()
    assert state.problem == ""
    assert known.version == 1
