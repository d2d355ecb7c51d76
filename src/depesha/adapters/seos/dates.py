"""Days and moments as SEOS writes them (facts 3.2, 3.7, Q34). Pure, no clock."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from depesha.errors import WireError

if TYPE_CHECKING:
    from datetime import tzinfo

_ZONE: Final = r"(Z|[+-]\d{2}:\d{2})?"
_DAY: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:T\d{2}:\d{2}:\d{2}(?:\.\d{1,20})?)?" + _ZONE)
_MOMENT: Final = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,20}))?" + _ZONE, re.ASCII
)
_MICROSECOND_DIGITS: Final = 6


def read_date(text: str) -> date:
    """Read an xsd:date, also one with a zone or as part of a dateTime; raise `WireError`."""
    match = _DAY.fullmatch(text.strip())
    if match is None or not text.isascii():
        raise WireError("a day is not in the form the network prescribes")
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError as error:
        raise WireError("a day does not exist in the calendar") from error


def read_moment(text: str) -> datetime:
    """Read an xsd:dateTime with any number of fraction digits; raise `WireError`.

    Without an offset the result is naive: the caller knows whose local time it is.
    """
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        raise WireError("a moment is not in the form the network prescribes")
    fraction = (match[7] or "").ljust(_MICROSECOND_DIGITS, "0")[:_MICROSECOND_DIGITS]
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    try:
        return datetime(
            year, month, day, hour, minute, second, int(fraction), tzinfo=_zone(match[8])
        )
    except ValueError as error:
        raise WireError("a moment does not exist in the calendar") from error


def _zone(text: str | None) -> tzinfo | None:
    if not text:
        return None
    if text == "Z":
        return timezone.utc  # noqa: UP017 -- the same object, spelt as its siblings below
    shift = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(-shift if text[0] == "-" else shift)


def write_moment(moment: datetime, zone: tzinfo) -> str:
    """Write an xsd:dateTime in local time with seven fraction digits and offset, as peers do."""
    local = moment.astimezone(zone)
    offset = local.strftime("%z")
    return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond:06d}0{offset[:3]}:{offset[3:5]}"


def write_date(day: date) -> str:
    """Write an xsd:date without a zone."""
    return day.isoformat()
