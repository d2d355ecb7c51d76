"""The doctor's probes: each looks at one thing and says in a sentence how it is and what to do.

Probes only look; they take plain values and ports, and never raise for what they examine. Those
that are not `async` may block: run them in threads.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import statistics
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cryptography import x509

from depesha.adapters.clamd import ScannerFacts
from depesha.adapters.keys import load_key_pair
from depesha.errors import DepeshaError

if TYPE_CHECKING:
    from depesha.ports import Clock, Directory, MalwareScanner, Threads

State = Literal["ok", "warn", "bad"]
_DAYS_TO_RENEW = 30
_DEEPEST_CHAIN = 6
_MEBIBYTE = 2**20
_LEAST_FREE = 2048 * _MEBIBYTE
_SAFE_SQLITE = (3, 51, 3)
_EICAR = ("X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")
"""The standard test file in two parts, so that no scanner takes this source for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What one probe found."""

    name: str
    state: State
    sentence: str
    remedy: str = ""
    """What to do; empty where all is well."""


Probe = Callable[[], Awaitable[Diagnosis]]


def probe(threads: Threads, name: str, function: Callable[..., Diagnosis], *given: object) -> Probe:
    """Make a blocking look into a probe: it runs in a thread, and its errors become findings."""

    async def look() -> Diagnosis:
        try:
            return await threads.run(function, *given)
        except DepeshaError as error:
            return _bad(name, error.public, error.remedy)
        except OSError as error:
            return _bad(name, f"cannot be examined: {error.strerror}")

    return look


async def examine(probes: Iterable[tuple[str, Probe]], *, seconds: float) -> list[Diagnosis]:
    """Run all probes at once, each for at most `seconds`; return their findings in order."""

    async def one(name: str, look: Probe) -> Diagnosis:
        try:
            async with asyncio.timeout(seconds):
                return await look()
        except TimeoutError:
            return _bad(name, f"no answer within {seconds:g} s")
        except DepeshaError as error:
            return _bad(name, error.public, error.remedy)

    return list(await asyncio.gather(*(one(name, look) for name, look in probes)))


def _ok(name: str, sentence: str) -> Diagnosis:
    return Diagnosis(name=name, state="ok", sentence=sentence)


def _warn(name: str, sentence: str, remedy: str = "") -> Diagnosis:
    return Diagnosis(name=name, state="warn", sentence=sentence, remedy=remedy)


def _bad(name: str, sentence: str, remedy: str = "") -> Diagnosis:
    return Diagnosis(name=name, state="bad", sentence=sentence, remedy=remedy)


# --- keys and certificates -------------------------------------------------------------------


def key_pair(key: Path, certificate: Path, password_env: str, now: datetime) -> Diagnosis:
    """Do key and certificate belong together, and for how many days yet?"""
    name = "certificate"
    pair = load_key_pair(key, certificate, password_variable=password_env)
    days = pair.days_left(now)
    about = f"{certificate.name}, serial {pair.serial}, RSA {pair.bits}"
    renew = "ask the network's CA for a new one; partners check its serial in the register"
    if now < pair.not_before:
        return _bad(name, f"{about}: not valid before {pair.not_before:%Y-%m-%d}", "see the clock")
    if days < 0:
        return _bad(name, f"{about}: ended {-days} days ago", renew)
    if days < _DAYS_TO_RENEW:
        return _warn(name, f"{about}: only {days} days left", renew)
    if pair.warnings:
        return _warn(name, f"{about}: {days} days left; {'; '.join(pair.warnings)}")
    return _ok(name, f"{about}: belongs to its key, {days} days left")


def chain(certificate: Path, trusted: tuple[Path, ...], now: datetime) -> Diagnosis:
    """Does our own certificate lead to a CA that we trust ourselves? Revocation is not asked."""
    name = "trust"
    if not trusted:
        return _bad(name, "no CA is trusted", "name the network's CAs in [keys] trusted")
    anchors = [one for path in trusted for one in _certificates(path)]
    ended = [one for one in anchors if one.not_valid_after_utc < now]
    if ended:
        return _warn(name, f"{len(ended)} of {len(anchors)} trusted CAs have ended", "renew them")
    own, *between = _certificates(certificate)
    at, above = own, [*between, *anchors]
    for _ in range(_DEEPEST_CHAIN):
        if at in anchors:
            return _ok(name, f"our certificate leads to a trusted CA ({len(anchors)} trusted)")
        issuer = next((one for one in above if one is not at and _issued(at, one)), None)
        if issuer is None:
            break
        at = issuer
    sentence = "our certificate does not lead to a CA that we trust"
    return _warn(name, sentence, "a trial certificate? partners will not accept it")


def _issued(one: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(by)
    except (ValueError, TypeError, x509.verification.VerificationError):
        return False
    except Exception as error:  # InvalidSignature and its kin have no common base
        if type(error).__module__.startswith("cryptography"):
            return False
        raise
    return True


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise DepeshaError(f"{path.name} cannot be read: {error.strerror}") from None
    except ValueError:
        raise DepeshaError(f"{path.name} holds no PEM certificate") from None


def tls_files(certificate: Path, key: Path, password: str | None) -> Diagnosis:
    """Would the listeners' TLS start with these files?"""
    name = "tls"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password or "")
    except OSError as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        return _bad(name, f"{certificate.name} and {key.name} do not serve for TLS: {reason}")
    return _ok(name, f"{certificate.name} and {key.name} serve for TLS")


def private(paths: tuple[Path, ...], later: tuple[Path, ...] = ()) -> Diagnosis:
    """Can nobody else read keys, seal and tokens? Those of `later` need not be there yet."""
    name = "secrets"
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        return _bad(name, f"missing: {', '.join(missing)}", "see `depesha init --help`")
    there = (*paths, *(path for path in later if path.exists()))
    open_ = [path.name for path in there if path.stat().st_mode & 0o077]
    if open_:
        return _bad(name, f"others may read {', '.join(open_)}", "chmod 600 them")
    return _ok(name, "readable by their owner only")


# --- machine ---------------------------------------------------------------------------------


def clock(now: datetime, folder: Path, elsewhere: datetime | None) -> Diagnosis:
    """Does our clock agree with the file system's, and with a neighbour's (an HTTP Date)?"""
    name = "clock"
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        drift = abs(Path(file.name).stat().st_mtime - now.timestamp())
    if drift > 60:  # noqa: PLR2004 -- a minute: a start of this process may take some of it
        return _bad(name, f"differs from the file system's by {drift:.0f} s", "set up time service")
    if elsewhere is None:
        return _ok(name, "agrees with the file system; no neighbour could be asked")
    off = abs((elsewhere - now).total_seconds())
    if off > 5:  # noqa: PLR2004 -- an HTTP Date has whole seconds and some way to go
        return _bad(name, f"differs from the register's by {off:.0f} s", "set up a time service")
    return _ok(name, f"agrees with the register's within {max(off, 1):.0f} s")


def disk(folder: Path, monotonic: Callable[[], float]) -> Diagnosis:
    """Is there room, and how long does a durable write of 4 kB take?"""
    name = "disk"
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    times = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(20):
            began = monotonic()
            os.write(file.fileno(), b"\0" * 4096)
            os.fsync(file.fileno())
            times.append(monotonic() - began)
    middle, worst = statistics.median(times) * 1000, max(times) * 1000
    words = f"{free // _MEBIBYTE} MiB free, write and fsync {middle:.1f} ms (worst {worst:.1f})"
    if free < _LEAST_FREE:
        return _bad(name, words, "make room: messages are refused when the disk is full")
    if middle > 20:  # noqa: PLR2004 -- 50 durable writes a second; every answer waits for one
        return _warn(name, words, "every answer waits for the disk; a faster one helps most")
    return _ok(name, words)


def ports(listeners: tuple[tuple[str, str, int], ...], *, ours: bool) -> Diagnosis:
    """Could each listener (name, host, port) bind? Taken ports are well where we hold them."""
    name = "ports"
    taken = [f"{which} {host}:{port}" for which, host, port in listeners if _taken(host, port)]
    if taken and not ours:
        remedy = "another program listens there; change [listen] or stop it"
        return _bad(name, f"taken by another program: {', '.join(taken)}", remedy)
    if taken:
        return _ok(name, f"held by the running gateway: {', '.join(taken)}")
    return _ok(name, "free: " + ", ".join(f"{host}:{port}" for _, host, port in listeners))


def _taken(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, port))
        except OSError:
            return port != 0
    return False


def exposure(listeners: tuple[tuple[str, str, bool], ...]) -> Diagnosis:
    """Do listeners (name, host, TLS) without TLS stay on this machine?"""
    name = "listeners"
    loopback = ("127.", "::1", "localhost")
    bare = [which for which, host, tls in listeners if not tls and not host.startswith(loopback)]
    if bare:
        words = f"{' and '.join(bare)} listen beyond this machine without TLS"
        return _warn(name, words, "set registry_tls / operators_tls in [listen]")
    return _ok(name, "what has no TLS stays on this machine")


def sqlite(version: str) -> Diagnosis:
    """Is this SQLite past the fault that could corrupt a log with several writers?"""
    name = "sqlite"
    numbers = tuple(int(part) for part in version.split(".")[:3])
    if numbers < _SAFE_SQLITE:
        return _bad(name, f"{version} can corrupt its log", "update the apsw package")
    return _ok(name, f"{version}, past the log fault of versions before 3.51.3")


def xml_signatures(self_check: Callable[[], None]) -> Diagnosis:
    """Do lxml and xmlsec fit together? `self_check` signs and verifies once, and raises."""
    self_check()
    return _ok("xml", "lxml and xmlsec sign and verify")


# --- neighbours ------------------------------------------------------------------------------


def scanners(found: tuple[ScannerFacts, ...], now: datetime) -> Diagnosis:
    """Does every scanner answer, and how old is its database?"""
    name = "scanner"
    silent = [one.address for one in found if not one.alive]
    start = "start clamd; until then every message with files is held"
    if len(silent) == len(found):
        return _bad(name, f"silent: {', '.join(silent)}", start)
    if silent:
        return _warn(name, f"silent: {', '.join(silent)}; others answer", start)
    ages = [(now - one.database_built).days for one in found if one.database_built]
    engines = ", ".join(sorted({one.engine for one in found if one.alive}))
    if len(ages) < len(found):
        return _warn(name, f"{engines}; database without a date", "run freshclam")
    if max(ages) > 3:  # noqa: PLR2004 -- its makers publish every day; a long weekend is three
        return _warn(name, f"{engines}; database {max(ages)} days old", "run freshclam")
    return _ok(name, f"{engines}; database {max(ages)} days old")


async def detection(scanner: MalwareScanner, folder: Path, threads: Threads) -> Diagnosis:
    """Does the scanner really find the standard test file?"""
    name = "detection"
    path = await threads.run(_test_file, folder)
    try:
        (result,) = await scanner.scan([(1, path)], 20.0)
    finally:
        await threads.run(path.unlink, missing_ok=True)
    if result.malware:
        return _ok(name, f"the test file was found ({result.malware})")
    if result.incomplete:
        return _bad(name, f"the test file got no verdict: {result.incomplete}", "see scanner")
    return _bad(name, "the test file was NOT found", "the scanner has no signatures: freshclam")


def _test_file(folder: Path) -> Path:
    descriptor, path = tempfile.mkstemp(dir=folder, prefix="eicar-")
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o644)
        file.write("".join(_EICAR).encode())
    return Path(path)


async def register(directory: Directory, clock_: Clock, stale_seconds: float) -> Diagnosis:
    """Can the participants' register be fetched, and how old is the copy in use?"""
    name = "register"
    state = await directory.refresh()
    if state.loaded_at is None:
        remedy = "check the address, the certificate and the way there; nothing can be judged yet"
        return _bad(name, f"never loaded: {state.last_error or 'no reason given'}", remedy)
    age = int((clock_.now() - state.loaded_at).total_seconds())
    words = f"{state.participants} participants, copy {age // 60} min old"
    if state.last_error:
        late: State = "bad" if age > stale_seconds else "warn"
        sentence = f"{words}; not reachable now: {state.last_error}"
        return Diagnosis(name=name, state=late, sentence=sentence, remedy="the last copy serves")
    return _ok(name, words)
