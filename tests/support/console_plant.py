"""Everything that others may write into a gateway, planted in its real store: one text a field.

`word` says what stands in a field: the same corpus in all of them, a name that tells fields
apart, or plain words. Fields that the store itself bounds (codes, GUIDs) are left as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from depesha.adapters.memory.letters import MemoryLetters
from depesha.adapters.seos import book
from depesha.config import Settings
from depesha.errors import Blame
from depesha.schemas.attending import Attention, attention_bytes
from depesha.schemas.dispatch import AttemptOutcome
from depesha.schemas.envelope import (
    Correspondent,
    DocumentReference,
    Envelope,
    Party,
    RegistrationNumber,
    Service,
)
from depesha.schemas.facts import Arrival, CertificateFacts, FileSignature
from depesha.schemas.ids import MessageId, SerialNumber
from depesha.schemas.letters import LeftLetter
from depesha.schemas.lifecycle import InboundEvent, InboundState
from depesha.schemas.message import Change, Claim, EvidenceKind, NewEvidence, NewTask, TaskKind
from depesha.schemas.notes import Area
from depesha.schemas.outbound_lifecycle import OutboundEvent
from depesha.schemas.participant import Participant, ParticipantStatus
from depesha.schemas.pauses import Pause, Way, pause_bytes
from depesha.schemas.people import Role
from depesha.schemas.route import ChannelHealth, Circuit
from depesha.schemas.verdict import (
    Caution,
    CheckRecord,
    Finding,
    Held,
    Hold,
    Passed,
    Rejected,
    Rejection,
    finding,
)
from tests.support.console_whole import Whole
from tests.support.memory import START, arrival, envelope, evidence, guid_of, id_of, new_message
from tests.support.outbound_memory import begun, ended, move, new_outbound, out_id, said, signed

Word = Callable[[str], str]
NETWORKS = ("seos", "ssev", "isds", "email")
LETTER = "7-1"
PEER_EIK = "000000077"
"""In the register: a public body, whose name and address are nobody's secret."""
HELD, ADMITTED, REJECTED, NUMBERED = 1, 2, 3, 4
DECLINED, PARKED, ENDED = 1, 2, 3


@dataclass(frozen=True)
class Planted:
    """What stands in the store afterwards."""

    documents: tuple[MessageId, ...]
    task: int
    wire_row: int


def register_of(word: Word) -> Callable[[Settings], None]:
    """Put a participants' register on disk whose entry is written by others."""

    def write(settings: Settings) -> None:
        entry = Participant(
            guid=guid_of(77, 0xA),
            identifier=PEER_EIK,
            name=word("register-name"),
            status=ParticipantStatus.ACTIVE,
            serial=SerialNumber("77AA"),
            url="https://" + word("register-host").replace("/", "") + "/seos",
            phone=word("register-phone"),
            fax=word("register-fax"),
            email=word("register-email"),
            changed_at=START,
        )
        kept = book.Book(loaded_at=START, participants=(entry,))
        book.write(settings.store.folder / "seos-register.json", kept)

    return write


def left(word: Word) -> MemoryLetters:
    """Return a mailbox in which letters lie that no program may handle."""
    return MemoryLetters(
        LeftLetter(
            key=LETTER,
            why="UNSIGNED",
            at=START,
            size=2048,
            sender=word("mail-sender"),
            subject=word("mail-subject"),
        )
    )


def letter(number: int, network: str, word: Word) -> Envelope:
    """Return an envelope that holds `word` wherever its sender writes."""
    plain = envelope(number, network=network)
    ours = RegistrationNumber(number=word("sender-number"), date=START.date())
    return replace(
        plain,
        sender=Party(
            # One comes from the body in the register: its page tells of the last message.
            identifier=PEER_EIK if number == NUMBERED else word("sender-identifier"),
            name=word("sender-name"),
            guid=guid_of(1, 0xA),
        ),
        recipient=Party(
            identifier=word("recipient-identifier"), name=word("recipient-name"), guid=None
        ),
        document=replace(plain.document, number=ours),
        parent=DocumentReference(
            guid=guid_of(number, 0xF),
            number=RegistrationNumber(number=word("parent-number"), date=START.date()),
        ),
        kind=word("kind"),
        subject=word("subject"),
        comment=word("comment"),
        document_comment=word("document-comment"),
        attention_to=word("attention-to"),
        deadline=START.date(),
        correspondents=(correspondent(word),),
        service=Service(
            name=word("service-name"), kind=word("service-kind"), code=word("service-code")
        ),
        attachments=tuple(
            replace(
                one,
                name=word("file-name"),
                media_type=word("file-media-type"),
                comment=word("file-comment"),
            )
            for one in plain.attachments
        ),
        sender_mark=word("sender-mark"),
        own_mark=word("own-mark"),
        extra=word("extra"),
    )


def correspondent(word: Word) -> Correspondent:
    """Return a citizen, with everything that is known of one."""
    return Correspondent(
        name=word("citizen-name"),
        city=word("citizen-city"),
        address=word("citizen-address"),
        personal_number=word("citizen-number"),
        identity_card=word("citizen-card"),
        email=word("citizen-email"),
        phone=word("citizen-phone"),
        responsible=word("citizen-responsible"),
        comment=word("citizen-comment"),
    )


def came(here: Whole, number: int, network: str, word: Word) -> Arrival:
    """Return an arrival whose original lies in the store."""
    made = arrival(number, envelope_=letter(number, network, word))
    data = f"<letter number='{number}'>{word('wire-original')}</letter>".encode()
    signature = made.signature
    assert signature is not None
    assert isinstance(signature.certificate, CertificateFacts)
    shown = replace(
        signature.certificate,
        subject=word("certificate-subject"),
        issuer=word("certificate-issuer"),
    )
    return replace(
        made,
        original=here.memory.blobs.put(data),
        original_size=len(data),
        signature=replace(signature, certificate=shown),
        deviations=(word("deviation"),),
        contents=tuple(
            replace(
                one,
                safe_name=word("file-safe-name").replace("/", "")[:120] or "x",
                signatures=(
                    FileSignature(form=word("file-signature"), signer=word("file-signer")),
                ),
            )
            for one in made.contents
        ),
    )


def findings(word: Word) -> tuple[Finding, ...]:
    """Return every reason there is, each with every fact that a reader may put into one."""
    facts: dict[str, str | int] = {
        "algorithm": "rsa-sha1",
        "declared": word("fact-declared"),
        "detected": "application/pdf",
        "earlier": str(id_of(ADMITTED)),
        "file": word("fact-file"),
        "identifier": word("fact-identifier"),
        "index": 1,
        "issuer": word("fact-issuer"),
        "limit": 10,
        "malware": "Eicar-Test",
        "name": word("fact-name"),
        "number": word("fact-number"),
        "rule": "depth",
        "serial": "77AA",
        "signer": word("fact-signer"),
        "size": 11,
        "where": word("fact-where"),
        "why": "limits",
    }
    return tuple(finding(reason, **facts) for reason in (*Caution, *Hold, *Rejection))


def checks(word: Word) -> tuple[CheckRecord, ...]:
    """Return a record of each kind of verdict, together with all reasons."""
    every = findings(word)
    cautions = tuple(one for one in every if isinstance(one.reason, Caution))
    holds = [one for one in every if isinstance(one.reason, Hold)]
    rejections = [one for one in every if isinstance(one.reason, Rejection)]
    return (
        CheckRecord(check="structure", verdict=Passed(warnings=cautions), seconds=0.1),
        *(
            CheckRecord(check="malware", verdict=Held(finding=f, retry=False), seconds=0.1)
            for f in holds
        ),
        *(
            CheckRecord(check="formats", verdict=Rejected(finding=f), seconds=0.1)
            for f in rejections
        ),
    )


async def plant(here: Whole, word: Word) -> Planted:
    """Write into every field that is not ours, by the store's own ports."""
    task, row = await _received(here, word)
    await _sent(here, word)
    await _people(here, word)
    await _noted(here, word)
    received = tuple(id_of(number) for number in (HELD, ADMITTED, REJECTED, NUMBERED))
    sent = tuple(out_id(number) for number in (DECLINED, PARKED, ENDED))
    return Planted(documents=(*received, *sent), task=task, wire_row=row)


async def _received(here: Whole, word: Word) -> tuple[int, int]:
    memory, states = here.memory, (InboundState.HELD, InboundState.ADMITTED, InboundState.REJECTED)
    wire = word("wire").encode()
    for number, network in enumerate(NETWORKS, start=1):
        state = states[number - 1] if number <= len(states) else InboundState.ADMITTED
        tasks = (NewTask(kind=TaskKind.NOTICE, due_at=START, payload={}),) if number == HELD else ()
        new = new_message(
            number, state=state, arrived=came(here, number, network, word), tasks=tasks, wire=wire
        )
        told = new.evidence.facts | {
            "network": network,
            "checks": ["malware:passed"],
            "code": "X",
            "where": word("evidence-fact"),
            word("evidence-key")[:40]: word("evidence-value"),
            "list": [word("evidence-list")],
        }
        told_row = replace(new.evidence, facts=told, actor=f"peer:{word('evidence-actor')}")
        await memory.store.admit(replace(new, checks=checks(word), evidence=told_row))
    ours = RegistrationNumber(number=word("own-number"), date=START.date())
    await memory.store.change(
        Change(
            message_id=id_of(NUMBERED),
            event=InboundEvent.REGISTERED,
            evidence=evidence(NUMBERED, EvidenceKind.REGISTERED, mark=word("evidence-mark")),
            number=ours,
        )
    )
    await memory.store.change(
        Change(
            message_id=id_of(ADMITTED),
            event=InboundEvent.REFUSED,
            evidence=evidence(ADMITTED, EvidenceKind.REFUSED, reason=word("evidence-reason")),
            reason=word("own-reason"),
        )
    )
    claim: Claim = (await memory.tasks.claim([TaskKind.NOTICE], 1, 60))[0]
    await memory.tasks.park(claim, word("park-reason"), evidence(HELD, EvidenceKind.PARKED))
    rows = await memory.journal.after(0, 500)
    kinds = [(json.loads(one.body)["kind"], one.message_id, one.sequence) for one in rows]
    first = next(n for kind, of, n in kinds if kind == "RECEIVED" and of == id_of(HELD))
    return claim.task_id, first


async def _sent(here: Whole, word: Word) -> None:
    out, facts = here.memory.outbound, _told(word)
    health = ChannelHealth(
        network="seos",
        peer=word("health-peer")[:60],
        circuit=Circuit.OPEN,
        failures=3,
        last_code="X",
        opened_at=START,
        probe_at=START,
    )
    for number in (DECLINED, PARKED, ENDED):
        await out.submit(new_outbound(number, **_ours(number, word)))
        await out.change(signed(number))
        await out.change(begun(number, facts=facts))
    wire = word("wire-answer").encode()
    refused = ended(DECLINED, AttemptOutcome.REFUSED, facts=facts, wire=wire)
    assert refused.settle is not None
    told = replace(refused.settle, reference=word("try-reference"), blame=Blame.THEIRS)
    await out.change(replace(refused, settle=told))
    await out.change(begun(DECLINED, 2, "ssev", facts=facts))
    await out.change(ended(DECLINED, AttemptOutcome.DELIVERED, 2, facts=facts))
    declined = said(
        DECLINED, OutboundEvent.PEER_DECLINED, reason=word("peer-reason"), facts=facts, wire=wire
    )
    await out.change(replace(declined, health=(health,)))
    await out.change(ended(PARKED, AttemptOutcome.UNCLEAR, facts=facts, wire=wire))
    await out.change(move(PARKED, OutboundEvent.GIVEN_UP_ASKING, facts=facts))
    await out.change(ended(ENDED, AttemptOutcome.ACCEPTED, facts=facts, wire=wire))


def _told(word: Word) -> dict[str, Any]:
    return {
        "network": "seos",
        "outcome": "refused",
        "code": "X",
        "error": word("error-text"),
        "local_status": word("error-status"),
        "number": word("peer-number"),
        "reason": word("evidence-peer-reason"),
        "plan": [word("plan")],
    }


def _ours(number: int, word: Word) -> dict[str, Any]:
    plain = new_outbound(number).message.dispatch
    return {
        "recipient": Party(identifier=PEER_EIK, name=word("out-recipient"), guid=guid_of(77, 0xA)),
        "document": replace(
            plain.document,
            number=RegistrationNumber(number=word("out-number"), date=START.date()),
        ),
        "kind": word("out-kind"),
        "subject": word("out-subject"),
        "text": word("out-text"),
        "attention_to": word("out-attention"),
        "correspondents": (correspondent(word),),
        "service": Service(name=word("out-service"), kind="1", code="1"),
        "files": tuple(replace(one, name=word("out-file-name")) for one in plain.files),
    }


async def _people(here: Whole, word: Word) -> None:
    await here.office.add(
        "written",
        Role.CLERK,
        position=word("person-position"),
        unit=word("person-unit"),
        contact=word("person-contact"),
    )


async def _noted(here: Whole, word: Word) -> None:
    """What colleagues write: a pause, a need that is taken, a refusal that was seen."""
    book_, at = here.memory.notebook, here.clock.now()
    notes = {
        (Area.PAUSES, "seos:sending"): pause_bytes(
            Pause(
                network="seos",
                way=Way.SENDING,
                login="written",
                name=word("colleague-name"),
                reason=word("pause-reason"),
                since=at,
            )
        ),
        (Area.TAKEN, str(id_of(HELD))): attention_bytes(
            Attention(login="written", name=word("colleague-name"), at=at)
        ),
        (Area.SEEN, str(out_id(DECLINED))): attention_bytes(
            Attention(
                login="written", name=word("colleague-name"), at=at, note=word("colleague-note")
            )
        ),
    }
    for (area, key), value in notes.items():
        row = NewEvidence(
            kind=EvidenceKind.NOTED,
            at=at,
            message_id=None,
            actor="person:written",
            facts={"area": area, "key": key},
        )
        await book_.write(area, key, value, row)
