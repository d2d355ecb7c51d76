"""What each status code of ISDS asks for, one by one (facts 7). Pure.

The official list is not known whole: what is not in the table is judged by its range, and a
person sees code and text.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Action(StrEnum):
    """What an answer asks for. Bounded: fit for a metric."""

    DONE = "DONE"
    RETRY = "RETRY"
    """The same request may succeed later."""
    SLOWER = "SLOWER"
    """Retry, later and with fewer calls at once."""
    REFUSED = "REFUSED"
    """Never the same request again: it goes back to its author."""
    OTHER_SERVICE = "OTHER_SERVICE"
    """The same wish, by the other service: big instead of ordinary, or the other way round."""
    UPLOAD_AGAIN = "UPLOAD_AGAIN"
    GONE = "GONE"
    """No such message for this box, or erased: never ask again."""
    NOT_READY = "NOT_READY"
    """Ask again in minutes."""
    PERSON = "PERSON"
    """Stop, and let an operator look."""
    OUR_DEFECT = "OUR_DEFECT"
    """Our request was wrong: stop, and let an operator look."""
    END = "END"
    """There is no more of it."""


def _all(action: Action, *codes: str) -> dict[str, Action]:
    return dict.fromkeys(codes, action)


CODES: Final[dict[str, Action]] = {
    "0000": Action.DONE,
    "0001": Action.DONE,  # recorded
    "0002": Action.DONE,  # no box matches: an empty result
    "0003": Action.DONE,  # too many, cut but valid
    "0004": Action.DONE,  # some recipients failed: each single status tells
    "0005": Action.DONE,  # a paper whose seal has no stamp yet
    "0009": Action.REFUSED,  # the box takes no paid messages
    "1004": Action.PERSON,  # not permitted
    "1007": Action.REFUSED,  # box id malformed
    "2011": Action.REFUSED,
    **_all(Action.OUR_DEFECT, "1058", "1093", "1137"),  # intervals of dates
    **_all(Action.PERSON, "1066", "1067", "1079", "1080", "1081", "1082", "1083", "1090", "1091"),
    "1101": Action.OUR_DEFECT,  # search without a type
    "1109": Action.REFUSED,  # several boxes match
    **_all(Action.OUR_DEFECT, "1152", "1153", "1154", "1155", "1156", "1180"),  # search
    "1189": Action.END,  # pages of a search
    "1200": Action.OTHER_SERVICE,  # too large for an ordinary message
    "1201": Action.PERSON,  # our own box is not accessible
    "1211": Action.REFUSED,  # another box's message
    "1214": Action.REFUSED,  # an attachment; the text ends with its name
    "1218": Action.PERSON,  # no right to erase
    "1219": Action.GONE,
    "1229": Action.NOT_READY,  # the sent message is not sealed yet
    "1232": Action.REFUSED,  # no authority on either side
    "1234": Action.REFUSED,  # no prepaid reply
    "1242": Action.REFUSED,  # no contract for one
    "1281": Action.OTHER_SERVICE,
    "1286": Action.PERSON,  # too much uploaded and not used
    "1288": Action.UPLOAD_AGAIN,
    "1289": Action.UPLOAD_AGAIN,
    "1293": Action.REFUSED,  # another box's upload
    "1294": Action.UPLOAD_AGAIN,  # the upload ran out
    "1295": Action.UPLOAD_AGAIN,  # too large to lie inside: upload it
    "1296": Action.REFUSED,  # too large altogether
    "1297": Action.OTHER_SERVICE,  # too small for a big message
    "1299": Action.END,  # attachments of a big message
    "1600": Action.PERSON,  # spam reports
    **_all(Action.PERSON, *(str(code) for code in range(1609, 1617))),
    "2006": Action.OUR_DEFECT,  # operation unknown
    "2010": Action.OUR_DEFECT,
    "2017": Action.OUR_DEFECT,
    "2032": Action.OUR_DEFECT,  # no attachment
    "2046": Action.REFUSED,  # the scanner there did not come to an end
    "2200": Action.REFUSED,  # no sealed paper
    "2201": Action.PERSON,  # a paper that fits nothing
    "2202": Action.PERSON,  # service switched off
    "2204": Action.OTHER_SERVICE,
    "2205": Action.PERSON,  # seal ran out
    "2206": Action.NOT_READY,
    "2207": Action.RETRY,
    "2208": Action.RETRY,
    "2209": Action.NOT_READY,
    "2210": Action.SLOWER,
    "2212": Action.PERSON,
    "2214": Action.OTHER_SERVICE,
    **_all(Action.PERSON, "2300", "2301", "2302"),  # codes by telephone: not served
    "2351": Action.RETRY,
    "2352": Action.NOT_READY,
    "2353": Action.RETRY,
    "3005": Action.SLOWER,
    "3006": Action.RETRY,  # the list again
    "3008": Action.SLOWER,
    "3009": Action.SLOWER,
    "3022": Action.PERSON,  # download blocked by the operator: malware
    "5001": Action.REFUSED,  # no such box
    "9002": Action.RETRY,
    "9005": Action.REFUSED,  # message not valid
    "9204": Action.RETRY,
    "9502": Action.RETRY,  # no time stamp to be had
}
_RANGES: Final = (
    ("0", Action.PERSON),
    ("1", Action.REFUSED),
    ("2", Action.OUR_DEFECT),
    ("3", Action.SLOWER),
    ("9", Action.RETRY),
)
"""By the first digit. An unknown 0xxx is a remark that nobody here understands."""


def action_of(code: str) -> Action:
    """Return what a code asks for; by its range where it is not known, else a person."""
    known = CODES.get(code)
    if known is not None:
        return known
    if len(code) == 4 and code.isascii() and code.isdigit():  # noqa: PLR2004 -- every code has four
        return next((action for first, action in _RANGES if code.startswith(first)), Action.PERSON)
    return Action.PERSON


RETRYING: Final = frozenset({Action.RETRY, Action.SLOWER, Action.NOT_READY, Action.UPLOAD_AGAIN})
"""Where a later try may succeed."""
EMPTY: Final = frozenset({"0002"})
"""Codes of an answer that is good and holds nothing."""
STAMPLESS: Final = "0005"
"""Code of a paper whose seal has no time stamp yet: ask again, twice in 20 minutes at most."""
EITHER_WAY: Final = "1281"
"""The wrong service was asked: big for ordinary or the other way round."""
