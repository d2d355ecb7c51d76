"""The register of our own certificates (SIG-08) out of files and of what people noted. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache

from pydantic import TypeAdapter, ValidationError

from depesha.errors import RuleError, StorageError
from depesha.monitoring.console.office.forms import LINE, day, line, moment
from depesha.monitoring.console.pages.horizon_view import Level
from depesha.schemas.certificates import (
    ALARM_DAYS,
    WARNING_DAYS,
    CertificateEntry,
    CertificateKind,
    OwnCertificate,
    Use,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLine:
    """One certificate in the register, its six groups in order."""

    key: str
    """Digest of the certificate; of one known by its entry alone, a name of ours."""
    uses: tuple[Use, ...]
    settings: tuple[str, ...]
    level: Level
    readable: bool
    days_left: int | None
    """Negative: it has ended."""
    number: str
    kind: CertificateKind
    valid_from: datetime | None
    valid_to: datetime | None
    revoked_at: datetime | None
    revocation_reason: str
    provider: str
    provider_state: str
    holder: str
    used_for: str
    entry: CertificateEntry

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of fields that a person has yet to fill in."""
        needed = ("number", "kind", "valid_from", "valid_to", "provider", "provider_state")
        return tuple(name for name in (*needed, "holder") if not getattr(self, name))


@cache
def _entries() -> TypeAdapter[CertificateEntry]:
    return TypeAdapter(CertificateEntry)


def entry_bytes(entry: CertificateEntry) -> bytes:
    """Return the noted form."""
    return _entries().dump_json(entry)


def load_entry(data: bytes) -> CertificateEntry:
    """Read a noted entry back; raise `StorageError`."""
    try:
        return _entries().validate_json(data)
    except ValidationError as error:
        raise StorageError("a noted value cannot be read", faults=error.error_count()) from None


def register(
    used: Sequence[OwnCertificate], noted: Mapping[str, bytes], now: datetime
) -> tuple[CertificateLine, ...]:
    """Return all certificates, the one that ends first on top."""
    entries = {key: load_entry(value) for key, value in noted.items()}
    together: dict[str, list[OwnCertificate]] = {}
    for one in used:
        key = one.facts.fingerprint if one.facts else f"unread-{one.setting}"
        together.setdefault(key, []).append(one)
    lines = [
        _line(key, together.get(key, []), entries.get(key, CertificateEntry()), now)
        for key in dict.fromkeys((*together, *entries))
    ]
    last = datetime.max.replace(tzinfo=UTC)
    return tuple(
        sorted(lines, key=lambda one: (one.revoked_at is not None, one.valid_to or last, one.key))
    )


def _line(
    key: str, used: Sequence[OwnCertificate], entry: CertificateEntry, now: datetime
) -> CertificateLine:
    facts = next((one.facts for one in used if one.facts), None)
    start = facts.not_before if facts else _midnight(entry.valid_from)
    # The last day belongs to it.
    end = facts.not_after if facts else _midnight(entry.valid_to, after=1)
    left = None if end is None else (end - now) // timedelta(days=1)
    readable = not used or facts is not None
    return CertificateLine(
        key=key,
        uses=tuple(one.use for one in used),
        settings=tuple(one.setting for one in used),
        level=_level(left, readable=readable, revoked=bool(entry.revoked_at), used=bool(used)),
        readable=readable,
        days_left=left,
        number=facts.serial if facts else entry.number,
        kind=entry.kind,
        valid_from=start,
        valid_to=end,
        revoked_at=entry.revoked_at,
        revocation_reason=entry.revocation_reason,
        provider=entry.provider or (_named(facts.issuer, "O", "CN") if facts else ""),
        provider_state=entry.provider_state or (_named(facts.issuer, "C") if facts else ""),
        holder=entry.holder or (facts.subject if facts else ""),
        used_for=entry.used_for,
        entry=entry,
    )


def _level(left: int | None, *, readable: bool, revoked: bool, used: bool) -> Level:
    if revoked:
        return Level.BAD if used else Level.GOOD
    if not readable:
        return Level.BAD
    if left is None:
        return Level.UNPROVEN
    if left < ALARM_DAYS:
        return Level.BAD
    return Level.UNPROVEN if left < WARNING_DAYS else Level.GOOD


def _midnight(of: date | None, after: int = 0) -> datetime | None:
    if of is None:
        return None
    return datetime(of.year, of.month, of.day, tzinfo=UTC) + timedelta(days=after)


def _named(name: str, *attributes: str) -> str:
    """Return the first of these attributes of a distinguished name (RFC 4514)."""
    parts = dict(part.split("=", 1) for part in reversed(name.split(",")) if "=" in part)
    return next((parts[one] for one in attributes if one in parts), "")


def entry_of(form: Mapping[str, str], zone: tzinfo) -> CertificateEntry:
    """Read the form; raise `RuleError`."""
    try:
        kind = CertificateKind(form.get("kind", ""))
    except ValueError:
        raise RuleError("which kind it is", rule="certificate-kind") from None
    start, end = day(form, "valid_from"), day(form, "valid_to")
    if start and end and end < start:
        raise RuleError("it ends before it begins", rule="certificate-days")
    revoked = moment(form, "revoked_at", zone)
    reason = line(form, "revocation_reason")
    if (revoked is None) != (not reason):
        raise RuleError("a revocation has its time and its reason", rule="certificate-revoked")
    return CertificateEntry(
        number=line(form, "number", most=LINE),
        kind=kind,
        valid_from=start,
        valid_to=end,
        revoked_at=revoked,
        revocation_reason=reason,
        provider=line(form, "provider"),
        provider_state=line(form, "provider_state"),
        holder=line(form, "holder"),
        used_for=line(form, "used_for"),
    )


def changed(before: CertificateEntry, after: CertificateEntry) -> list[str]:
    """Return the names of the fields that differ; what stands in them is no business of a row."""
    names = (one.name for one in fields(CertificateEntry))
    return [name for name in names if getattr(before, name) != getattr(after, name)]
