"""Checks a ZFO whole and says which part is broken (facts 9.5): seal, chain, stamps, hash, paper.

The common clients take a paper whose signature bytes were changed (facts 15): here every step is
made. It fetches nothing, asks nobody, and never decides what becomes of a message.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from depesha.adapters.isds import ber, zfo
from depesha.adapters.isds.ber import ContentBroken, SignedFile, Signer
from depesha.adapters.isds.parts import Flaw, Part, StampFacts
from depesha.adapters.isds.signer import Judged, judge_signer
from depesha.adapters.isds.stamps import judge_stamp, over_bytes
from depesha.adapters.isds.values import PaperContent
from depesha.adapters.isds.zfo import ALGORITHMS, ZfoLimits
from depesha.errors import WireError
from depesha.schemas.facts import CertificateFacts, SignatureFacts
from depesha.schemas.verdict import Finding, Rejection, finding
from depesha.schemas.wire.isds import Paper

if TYPE_CHECKING:
    from depesha.adapters.trust import CertificateJudge

_STAMP: Final = bytes.fromhex("060b2a864886f70d010910020e")
_LATER: Final = frozenset(
    bytes.fromhex(each)
    for each in (
        "060b2a864886f70d0109100215",  # certificate references
        "060b2a864886f70d0109100216",  # revocation references
        "060b2a864886f70d0109100217",  # certificate values
        "060b2a864886f70d0109100218",  # revocation values
        "060b2a864886f70d010910021b",  # archive time stamp
        "060b2a864886f70d0109100230",  # archive time stamp, version 2
        "060604008d450204",  # archive time stamp, version 3
    )
)
"""What archiving adds beside the stamp (facts 9.7, ETSI EN 319 122): allowed, not judged."""
_ORDER: Final = tuple(Part)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZfoRules:
    """What a paper must keep beside genuineness."""

    sha1_until: datetime | None = None
    """Seals with SHA-1 are taken where their time stamp is older than this; None: never."""
    stamp_required: bool = False
    """ISDS may return a paper without a stamp over its seal (code 0005); True refuses it."""
    message_stamp_required: bool = False
    """`dmQTimestamp` may be missing right after submission (facts 9.4); True refuses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the paper must be besides genuine; None: whatever it is."""

    kind: Paper | None = None
    dm_id: str | None = None
    recipient_box: str | None = None
    sender_box: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A paper and everything known about its genuineness."""

    flaws: tuple[Flaw, ...]
    """Empty for a good paper; the gravest cause first."""
    content: PaperContent | None = field(repr=False)
    """What the paper says, good or not; None where it could not be read."""
    algorithm: str = ""
    weak: bool = False
    certificate: CertificateFacts | None = None
    """Of the seal."""
    signing_time: datetime | None = None
    """As the seal itself says."""
    stamp: StampFacts | None = None
    """Over the seal; its moment is the seal's time."""
    message_stamp: StampFacts | None = None
    """Over `dmHash`; its moment is the submission's time."""

    @property
    def genuine(self) -> bool:
        """True where nothing is wrong and nothing is unknown."""
        return not self.flaws

    @property
    def broken(self) -> tuple[Part, ...]:
        """The parts that are surely broken."""
        return tuple(dict.fromkeys(f.part for f in self.flaws if not f.unknown))

    def signature_facts(self) -> SignatureFacts:
        """Return the seal's verdict in the gateway's words: ISDS vouches for the sender."""
        return SignatureFacts(
            finding=_finding(self.flaws),
            algorithm=self.algorithm,
            weak=self.weak,
            certificate=self.certificate,
        )


def _finding(flaws: tuple[Flaw, ...]) -> Finding | None:
    if not flaws:
        return None
    first = next((f for f in flaws if not f.unknown), flaws[0])
    if first.finding is not None:
        return first.finding
    structural = first.part in {Part.CONTAINER, Part.PAPER}
    reason = Rejection.SIGNATURE_STRUCTURE if structural else Rejection.SIGNATURE_INVALID
    return finding(reason, part=first.part.value, rule=first.rule)


class ZfoChecker:
    """Opens and checks papers. Blocking: call it in threads; one object serves any number."""

    def __init__(
        self,
        *,
        seals: CertificateJudge,
        stamps: CertificateJudge,
        rules: ZfoRules | None = None,
        limits: ZfoLimits | None = None,
    ) -> None:
        """`seals` and `stamps` judge certificates; neither may go by register serials."""
        self._seals = seals
        self._stamps = stamps
        self._rules = rules or ZfoRules()
        self._limits = limits or ZfoLimits()

    def check(
        self, source: Path, folder: Path, at: datetime, expected: Expected | None = None
    ) -> Checked:
        """Check a ZFO; its content and attachments are left in `folder`, an empty one.

        `at` serves where no stamp tells the seal's time. Raises `StorageError` alone.
        """
        try:
            signed = zfo.unseal(source, folder, self._limits)
        except ContentBroken:
            return Checked(flaws=(Flaw(part=Part.CONTENT, rule="layout"),), content=None)
        except WireError:
            return Checked(flaws=(Flaw(part=Part.CONTAINER, rule="unreadable"),), content=None)
        judged = judge_signer(signed, ber.DATA)
        flaws = list(judged.flaws)
        stamp, stamp_flaws = self._seal_stamp(signed, judged)
        flaws += stamp_flaws
        flaws += self._chain(signed, judged, stamp.at if stamp is not None else at)
        if judged.algorithm.endswith("-sha1") and not self._old(stamp):
            flaws.append(Flaw(part=Part.SIGNATURE, rule="sha1"))
        content, message_stamp, paper_flaws = self._paper(folder, expected or Expected())
        flaws += paper_flaws
        return Checked(
            flaws=tuple(sorted(flaws, key=lambda flaw: _ORDER.index(flaw.part))),
            content=content,
            algorithm=judged.algorithm,
            weak=judged.weak,
            certificate=None if judged.bearer is None else judged.bearer.facts,
            signing_time=judged.signing_time,
            stamp=stamp,
            message_stamp=message_stamp,
        )

    def _old(self, stamp: StampFacts | None) -> bool:
        until = self._rules.sha1_until
        return until is not None and stamp is not None and stamp.at < until

    # --- the seal -----------------------------------------------------------------------------

    def _seal_stamp(
        self, signed: SignedFile, judged: Judged
    ) -> tuple[StampFacts | None, tuple[Flaw, ...]]:
        """Judge the stamp over the signature; one over a broken signature says nothing."""
        if any(flaw.part is Part.SIGNATURE for flaw in judged.flaws) or not signed.signers:
            return None, ()
        signer = signed.signers[0]
        try:
            token = _token(signer)
        except WireError:
            return None, (Flaw(part=Part.STAMP, rule="unreadable"),)
        if not token:
            missing = Flaw(part=Part.STAMP, rule="missing")
            return None, (missing,) if self._rules.stamp_required else ()
        return judge_stamp(token, Part.STAMP, over_bytes(signer.signature), self._stamps)

    def _chain(self, signed: SignedFile, judged: Judged, at: datetime) -> tuple[Flaw, ...]:
        if judged.bearer is None:
            return ()
        if len(signed.certificates) != 1:  # facts 9.1: the seal's alone
            return (Flaw(part=Part.SIGNATURE, rule="several-certificates"),)
        verdict = self._seals.judge(judged.bearer, (), at)
        return () if verdict is None else (Flaw(part=Part.CHAIN, rule="chain", finding=verdict),)

    # --- the paper ----------------------------------------------------------------------------

    def _paper(
        self, folder: Path, expected: Expected
    ) -> tuple[PaperContent | None, StampFacts | None, tuple[Flaw, ...]]:
        try:
            content = zfo.read_content(folder, self._limits)
        except WireError:
            return None, None, (Flaw(part=Part.PAPER, rule="unreadable"),)
        flaws = [Flaw(part=Part.PAPER, rule=rule) for rule in _unexpected(content, expected)]
        declared, computed = content.hash_declared, content.hash_computed
        if content.kind is not Paper.DELIVERY and (computed is None or computed != declared):
            flaws.append(Flaw(part=Part.HASH, rule="algorithm" if computed is None else "changed"))
        stamp, stamp_flaws = self._message_stamp(content)
        return content, stamp, (*flaws, *stamp_flaws)

    def _message_stamp(self, content: PaperContent) -> tuple[StampFacts | None, tuple[Flaw, ...]]:
        if not content.stamp:
            missing = Flaw(part=Part.MESSAGE_STAMP, rule="missing")
            return None, (missing,) if self._rules.message_stamp_required else ()
        own = ALGORITHMS.get(content.hash_algorithm, "")

        def imprint(name: str) -> bytes:
            return content.hash_declared if name == own else b""

        return judge_stamp(content.stamp, Part.MESSAGE_STAMP, imprint, self._stamps)


def _token(signer: Signer) -> bytes:
    """Return the stamp over the signature; empty where there is none. Raises `WireError`."""
    found = b""
    for oid, values in ber.attributes_of(signer.unsigned) if signer.unsigned else ():
        if oid == _STAMP:
            if found or len(values) != 1:
                raise WireError("a seal has two time stamps")
            found = values[0]
        elif oid not in _LATER:
            raise WireError("a seal has an attribute that nobody knows")
    return found


def _unexpected(content: PaperContent, expected: Expected) -> list[str]:
    words = content.words
    pairs = (
        ("kind", expected.kind, content.kind),
        ("number", expected.dm_id, words.dm_id),
        ("recipient", expected.recipient_box, words.recipient_box),
        ("sender", expected.sender_box, words.sender_box),
    )
    return [rule for rule, wanted, found in pairs if wanted is not None and wanted != found]
