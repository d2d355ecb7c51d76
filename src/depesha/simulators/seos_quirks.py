"""The oddities of SEOS peers as switches, all off by default (facts 13)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from depesha.simulators.seos_signing import Hand
from depesha.simulators.seos_writing import Spelling

ALWAYS: Final = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """How a participant's software is odd. Counts are numbers of calls, spent one by one."""

    algorithm: str = "rsa-sha1"
    php: bool = False
    """Prefixes on the root and upper-case GUIDs, as the PHP sender writes (facts 2.3, Q9)."""
    pretty: bool = False
    certificates: int = 2
    """The reference node writes its certificate twice (Q7)."""
    bom: bool = False
    declared_encoding: str = "utf-8"
    cdata: bool = False
    no_action: bool = False
    """No SOAPAction header (facts 2.2)."""
    path: str = "/Messaging.svc"
    """Path of its own endpoint, verbatim in the register (facts 10.4)."""
    repeat_message_guid: bool = False
    """Every message it starts has the same MessageGUID."""
    send_twice: bool = False
    """Every request goes out twice, the second time as the same bytes (facts 9)."""
    slow_seconds: float = 0.0
    lost_answers: int = 0
    """Takes the call in, then closes the connection without a word."""
    reset_answers: int = 0
    """Takes the call in, then cuts its answer in the middle."""
    http_500: int = 0
    """Takes nothing in and answers with an empty HTTP 500."""
    soap_faults: int = 0
    """Takes nothing in and answers with a SOAP fault."""
    refused_notices: int = 0
    """Answers status notices with MSG_Error."""
    wrong_answer_signature: bool = False

    @property
    def hand(self) -> Hand:
        """How it signs."""
        return Hand(
            algorithm=self.algorithm,
            prefix="ns3" if self.php else "",
            certificates=self.certificates,
            bom=self.bom,
            declared_encoding=self.declared_encoding,
        )

    @property
    def spelling(self) -> Spelling:
        """How it writes."""
        return Spelling(prefixes=self.php, upper_guids=self.php, pretty=self.pretty)


class Oddity:
    """The quirks in force and how often the counted ones were used."""

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks
        self._spent: Counter[str] = Counter()

    @property
    def quirks(self) -> Quirks:
        """What is in force; setting it starts the counts anew."""
        return self._quirks

    @quirks.setter
    def quirks(self, quirks: Quirks) -> None:
        self._quirks = quirks
        self._spent.clear()

    def spend(self, quirk: str, limit: int) -> bool:
        """Use a counted quirk once; False where it is used up."""
        if self._spent[quirk] >= limit:
            return False
        self._spent[quirk] += 1
        return True
