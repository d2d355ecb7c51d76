"""Says in a person's language why a task was parked, where the reason is one of the house's own.

Parked reasons are kept as they were written; what peers and their servers said stays as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from depesha.monitoring.console.pages.telling import Teller

_TELEPHONE = re.compile(
    r"no answer \((?P<why>unclear|still waiting|cannot be asked)\): "
    r"telephone (?P<name>.+), (?P<phone>[^,]+)"
)
_INSIDE = re.compile(r"the task failed inside the gateway \((?P<code>\w+)\)")
_OPERATOR = "the network's operator could not be told"
_UNKNOWN = "number not known"


def parked_reason(tell: Teller, reason: str) -> str:
    """Return the reason in the language of `tell`; one that is not ours unchanged."""
    if found := _TELEPHONE.fullmatch(reason):
        why, name, phone = found["why"], found["name"], found["phone"]
        number = tell.say("parked.no-phone") if phone == _UNKNOWN else phone
        return tell.say(f"parked.{why.replace(' ', '-')}", name=name, phone=number)
    if found := _INSIDE.fullmatch(reason):
        return tell.say("parked.inside", code=found["code"])
    return tell.say("parked.operator") if reason == _OPERATOR else reason
