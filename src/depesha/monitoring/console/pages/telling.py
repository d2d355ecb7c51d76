"""Says moments, ages, sizes, states and networks in one language. Pure; words are looked up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from babel.dates import format_date, format_datetime, format_timedelta

from depesha.monitoring.console.access.wording import catalogue, word
from depesha.monitoring.console.pages.parked import parked_reason
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.outbound_sentences import name_of, outbound_state_name
from depesha.schemas.sentences import FALLBACK, LANGUAGES, check_name, plain, state_name

_LOCALES = {"en": "en_GB"}
_KIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Tells values to one person, at one moment."""

    language: str
    zone: tzinfo
    now: datetime

    @property
    def locale(self) -> str:
        """What the formatting of dates goes by."""
        known = self.language if self.language in LANGUAGES else FALLBACK
        return _LOCALES.get(known, known)

    def moment(self, at: datetime) -> str:
        """Return a moment by the wall clock here."""
        local = at.astimezone(self.zone)
        today = local.date() == self.now.astimezone(self.zone).date()
        form = "HH:mm" if today else "d MMM y, HH:mm"
        return format_datetime(local, form, locale=self.locale)

    def exact(self, at: datetime) -> str:
        """Return a moment to the second, with its day."""
        return format_datetime(at.astimezone(self.zone), "d MMM y, HH:mm:ss", locale=self.locale)

    def day(self, on: date) -> str:
        """Return a day."""
        return format_date(on, "d MMM y", locale=self.locale)

    def age(self, since: datetime) -> str:
        """Return how long ago, or how long until."""
        delta = abs(self.now - since)
        return format_timedelta(delta, locale=self.locale, threshold=1.5, format="short")

    def size(self, count: int) -> str:
        """Return bytes for people."""
        value, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
        while value >= _KIB and len(units) > 1:
            value, units = value / _KIB, units[1:]
        return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"

    def network(self, network: str) -> str:
        """Return a network's name."""
        return name_of("network", network, self.language) if network else self.say("network.none")

    def state(self, state: InboundState | OutboundState) -> str:
        """Return a state's name."""
        if isinstance(state, InboundState):
            return state_name(state, self.language)
        return outbound_state_name(state, self.language)

    def check(self, check: str) -> str:
        """Return the name of a check."""
        return check_name(check, self.language)

    def say(self, key: str, **facts: object) -> str:
        """Return one of the console's own texts."""
        text = word(key, self.language)
        return text.format_map(facts) if facts else text

    def parked(self, reason: str) -> str:
        """Return why a task was parked; reasons that are not ours stay as they are."""
        return parked_reason(self, reason)

    def known(self, family: str, code: str) -> str:
        """Return the word for a code; one without words keeps its code."""
        found = catalogue(self.language if self.language in LANGUAGES else FALLBACK)
        return found.get(f"{family}.{code}") or plain(code)
