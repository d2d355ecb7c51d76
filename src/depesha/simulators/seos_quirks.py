"""The oddities of SEOS peers as switches, all off by default (facts 13)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from depesha.schemas.ids import Guid
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
    only_documents: bool = False
    """All that follows befalls registration requests alone: questions and notices fare well."""
    slow_seconds: float = 0.0
    """Waits before it takes the call in."""
    slow_answer_seconds: float = 0.0
    """Takes the call in, then waits before it answers."""
    reset_requests: int = 0
    """Takes nothing in: closes the connection without a word when the request is there."""
    lost_answers: int = 0
    """Takes the call in, then closes the connection without a word."""
    reset_answers: int = 0
    """Takes the call in, then cuts its answer in the middle."""
    http_500: int = 0
    """Takes nothing in and answers with an empty failure."""
    http_500_after: int = 0
    """Takes the call in and answers with an empty failure all the same."""
    failure_status: int = 500
    """HTTP status of both: 413, 502, 503 and 504 are others."""
    soap_faults: int = 0
    """Takes nothing in and answers with a SOAP fault."""
    soap_faults_after: int = 0
    """Takes the call in and answers with a SOAP fault all the same."""
    errors: int = 0
    """Takes nothing in and answers with MSG_Error, for the reason `error`."""
    errors_after: int = 0
    """Takes the call in and answers with MSG_Error all the same, for the reason `error`."""
    error: str = "InvalidSender"
    """A key of `seos_checks.TEXTS`, or any other text as it stands."""
    refused_notices: int = 0
    """Answers status notices with MSG_Error."""
    wrong_answer_signature: bool = False
    empty_answers: bool = False
    """Takes documents in and answers with an empty string, as some do (facts 2.1)."""
    answer_status: str = ""
    """Says this word instead of the true status in its answers, known to the schema or not."""
    early_number: bool = False
    """Gives a number of its own beside "waiting", as the reference node does (facts 6.3, Q15)."""
    answer_about: Guid | None = None
    """Answers about this document, whichever was meant."""
    registers_after: float | None = None
    """Its office registers each document by itself after so many seconds; None: by hand."""
    notices_twice: bool = False
    """Every notice goes out twice, the second time as the same bytes."""

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
