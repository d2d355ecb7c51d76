"""★ Every contract between the rooms. No logic here, and no library type in a signature.

For each method the docstring says what may be left behind when it fails and whether calling it
again is safe. Methods that are not `async` may block and are called from worker threads only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from depesha.schemas.answer import Answer, ErrorNotice, Inquiry, Notice, StatusNotice
    from depesha.schemas.audit import AuditPage, AuditQuery
    from depesha.schemas.dispatch import Attempt, Dispatch
    from depesha.schemas.envelope import Attachment, RegistrationNumber
    from depesha.schemas.evidence import EvidenceRecord, Seal
    from depesha.schemas.facts import Arrival, ContentFacts, Known, ScanResult, SignatureFacts
    from depesha.schemas.ids import Digest, Guid, MessageId, SerialNumber
    from depesha.schemas.letters import LeftLetter
    from depesha.schemas.message import (
        Change,
        Claim,
        Counts,
        Message,
        NewEvidence,
        NewMessage,
        Page,
        Parked,
        Query,
        Stored,
        TaskKind,
    )
    from depesha.schemas.outbound import (
        Decision,
        NewOutbound,
        OutboundChange,
        OutboundChanged,
        OutboundMessage,
        OutboundPage,
        OutboundQuery,
        Prepared,
        Signal,
        Submitted,
        TryReport,
    )
    from depesha.schemas.outcome import Answered, Outcome
    from depesha.schemas.overview import (
        Home,
        LineQuery,
        Lines,
        PeerQuery,
        PeerTraffic,
        QuarantinePage,
        QueueAge,
        Story,
    )
    from depesha.schemas.participant import DirectoryState, Participant
    from depesha.schemas.people import Account, Person, PersonChange, Session
    from depesha.schemas.restoration import Restoration
    from depesha.schemas.route import ChannelFacts, ChannelHealth, RouteExplanation
    from depesha.schemas.steps import AnyStep
    from depesha.schemas.tokens import Scope, Token
    from depesha.schemas.verdict import CheckRecord
    from depesha.schemas.xml import Document


P = ParamSpec("P")
R = TypeVar("R")


# --- the gateway as the networks see it -----------------------------------------------------


class Intake(Protocol):
    """What a channel may ask of the gateway. Repeating any call is safe: identities tell.

    `reply` turns an answer into the exact bytes for the wire; the gateway calls it before it
    commits, keeps the bytes as evidence, and returns them once they are durable. Raises
    `StorageError` where nothing could be made durable: then nothing may be answered (law 2), and
    `UnsaidError` where it was, but no answer would be true: the caller then gets none either.
    """

    async def receive(self, arrival: Arrival, reply: Reply) -> bytes:
        """Check a document, store it with every verdict, and return the answer's bytes."""

    async def inquire(self, inquiry: Inquiry, reply: Reply) -> bytes:
        """Answer a peer's question after a document it sent."""

    async def notice(self, notice: StatusNotice, reply: Reply) -> bytes:
        """Take a peer's word on a document of ours."""

    async def fault(self, fault: ErrorNotice, reply: Reply) -> bytes:
        """Take a peer's error about a message of ours."""

    async def report(self, report: TryReport) -> bool:
        """Take a network's later word on a try of ours; False where it knows no such try."""


class Restored(Protocol):
    """Tells whether the store was put back from a back-up, and so has forgotten what it did."""

    async def __call__(self) -> Restoration | None:
        """Return the latest restoration; None where there was none; raise `StorageError`."""


class Reply(Protocol):
    """Makes the wire bytes of an answer. Pure but for a new transport id; safe to repeat."""

    async def __call__(self, answer: Answer) -> bytes:
        """Return the signed bytes; raise nothing but `DepeshaError`."""


class Desk(Protocol):
    """What the registry and its clerks may ask of the gateway. `actor` goes into the evidence.

    Raises `UnknownMessageError`, `WrongStateError`, `ConflictError`, `StorageError`; nothing is
    left behind on failure, and repeating the same request has the same result.
    """

    async def page(self, query: Query) -> Page:
        """Return a page of messages, oldest first."""

    async def find(self, message_id: MessageId) -> Message:
        """Return one message."""

    async def register(
        self, message_id: MessageId, number: RegistrationNumber, actor: str
    ) -> tuple[Message, bool]:
        """Commit the registry's number; the flag is False where it stood already (REG-04)."""

    async def refuse(self, message_id: MessageId, reason: str, actor: str) -> Message:
        """Decline a waiting or held message with a reason the sender will read (REF-02)."""

    async def close(
        self, message_id: MessageId, *, finished: bool, reason: str, actor: str
    ) -> Message:
        """End the case: finished (CLOSED) or early (STOPPED)."""

    async def release(self, message_id: MessageId, reason: str, actor: str) -> Message:
        """Let a held message through to the registry on a person's word."""

    async def attachment(self, message_id: MessageId, index: int, actor: str) -> BinaryIO:
        """Open the content of one attachment; the opening itself is evidence (AUD-05)."""


class Outbox(Protocol):
    """What the registry and its clerks may ask about documents of ours on their way out.

    Raises `UnknownMessageError`, `WrongStateError`, `ConflictError`, `StorageError`; nothing is
    left behind on failure, and repeating the same request has the same result.
    """

    async def submit(
        self, dispatch: Dispatch, contents: Sequence[ContentFacts], actor: str
    ) -> Submitted:
        """Take a document whose files are durable; the answer is given after the commit.

        Raises `DefectsError` with nothing stored where a rule for what may leave is broken
        (CHK-06 to 08, SIG-01), `ConflictError` where the key or the document's GUID was used for
        something else. The same key with the same request is the same submission.
        """

    async def find(self, message_id: MessageId) -> OutboundMessage:
        """Return one document of ours."""

    async def page(self, query: OutboundQuery) -> OutboundPage:
        """Return a page of documents, oldest first."""

    async def explain(self, dispatch: Dispatch, language: str) -> RouteExplanation:
        """Say what would be done now with a document like this one; sends and stores nothing."""

    async def explain_again(self, message_id: MessageId, language: str) -> RouteExplanation:
        """Say what would be done now with a document that is on its way."""

    async def decide(
        self, message_id: MessageId, decision: Decision, reason: str, actor: str
    ) -> OutboundMessage:
        """Take a person's decision on a document; the reason is kept."""


# --- networks as the gateway sees them ------------------------------------------------------


class Notifier(Protocol):
    """Tells the sender of a received message its state. Safe to repeat: notices are idempotent."""

    @property
    def network(self) -> str:
        """The network it speaks."""

    async def notify(self, notice: Notice) -> Outcome:
        """Try once. Never raises for the network's faults: they are outcomes."""


class OutboundChannel(Protocol):
    """Sends documents of ours by one network. Decides nothing about whether or when.

    Only `deliver` lets anything leave; the other calls may be repeated at will.
    """

    @property
    def network(self) -> str:
        """The network it speaks."""

    async def facts(self, dispatch: Dispatch) -> ChannelFacts:
        """Return how the channel stands for this recipient: reach, limits, quality.

        Never raises for the network's faults: `Reach.UNKNOWN` says that nobody could tell. Bounded
        in time; what was found out a moment ago may be told again, with its age.
        """

    async def prepare(self, dispatch: Dispatch, attempts: Sequence[Attempt]) -> Prepared:
        """Make and sign the bytes that will travel, and make them durable; nothing leaves.

        `attempts` are the earlier tries on all networks: where the last one of this network was
        DEFERRED, its very bytes and transport id are taken again. Raises `WireError` where the
        document cannot be said in this network's words, `StorageError`.
        """

    async def deliver(self, dispatch: Dispatch, attempt: Attempt) -> Outcome:
        """Try once. Never raises for the network's faults: they are outcomes (law 3).

        After `Deferred` and `Refused` the document is surely not there. A break after the request
        left is `Unclear`, and so is an answer that is not to be believed.
        """

    async def inquire(self, dispatch: Dispatch, attempt: Attempt) -> Answered:
        """Ask the network or the recipient what became of a try. Never raises for its faults.

        `Absent` only where a believed answer says so.
        """

    async def ping(self) -> str:
        """Find out whether the network lives; return a line for people; raise `DepeshaError`."""


class Signals(Protocol):
    """Tells networks' operators of trouble. At-least-once; safe to repeat."""

    async def tell(self, signal: Signal) -> Outcome:
        """Try once. Delivered also where the network has no operator's address."""


class Extractor(Protocol):
    """Gets an attachment back out of a stored original."""

    @property
    def network(self) -> str:
        """The network whose originals it reads."""

    def extract(self, original: Path, index: int, into: BinaryIO) -> None:
        """Write the decoded content of attachment `index` (from 1); raise `WireError`."""

    def read(self, original: Path, at: datetime) -> Arrival:
        """Gather the facts of an original stored at `at` again, for a recheck.

        Certificates are judged as of `at`; the register and the revocation lists as of now.
        """


class Directory(Protocol):
    """The participants' register: the last good copy in memory, look-ups never block."""

    def find(self, guid: Guid) -> Participant | None:
        """Return the participant with this register GUID."""

    def by_identifier(self, identifier: str) -> Participant | None:
        """Return the participant with this EIK."""

    def search(self, words: str, limit: int) -> tuple[Participant, ...]:
        """Return participants whose name or identifier holds all the words."""

    def state(self) -> DirectoryState:
        """Tell how fresh the copy is."""

    async def refresh(self) -> DirectoryState:
        """Fetch the whole register; on failure the last good copy stays. Safe to repeat."""


# --- the registry as the gateway sees it ----------------------------------------------------


class Webhooks(Protocol):
    """Tells the registry's software that something happened. At-least-once; safe to repeat."""

    def listeners(self, event: str) -> tuple[str, ...]:
        """Return the names of the webhooks that want this event."""

    async def deliver(self, name: str, delivery: str, event: dict[str, str]) -> Outcome:
        """Try once. `delivery` is the same on every try, so that the listener can tell."""


class Numbers(Protocol):
    """The built-in registry. Called from threads."""

    def number_for(self, message_id: MessageId) -> RegistrationNumber:
        """Return the message's number, the same for ever; raise `StorageError`."""


class LeftLetters(Protocol):
    """The list of letters that no program may handle: they lie in a mailbox for a person."""

    async def left(self) -> tuple[LeftLetter, ...]:
        """Return the list, oldest first; raise `StorageError`."""

    async def clear(self, keys: Sequence[str]) -> int:
        """Take letters off the list, on disk when this returns; they stay in the mailbox.

        Returns how many were on it. Safe to repeat. Raises `StorageError`, `BusyError`.
        """


# --- looking at bytes -----------------------------------------------------------------------


class SignatureVerifier(Protocol):
    """Judges the signature of a parsed document. Called from threads."""

    def verify(
        self, document: Document, expected: Sequence[SerialNumber], at: datetime
    ) -> SignatureFacts:
        """Judge certificate first, then the mathematics; on success takes the Signature out.

        `expected` are the serials the register allows, present one first; empty means that the
        sender is unknown, and the certificate cannot be right. Never raises for bad documents.
        """


class Signer(Protocol):
    """Signs our own documents. Called from threads; safe to repeat."""

    def sign(self, document: bytes, algorithm: str) -> bytes:
        """Return the document with an enveloped signature as last child of its root.

        `algorithm` is `rsa-sha1`, `rsa-sha256`, `rsa-sha384` or `rsa-sha512`.
        """


class ContentInspector(Protocol):
    """Finds out what an attached file really is. Called from threads; only looks."""

    def inspect(self, attachment: Attachment, content: BinaryIO) -> ContentFacts:
        """Return the facts; `content` is seekable and may be left at any position.

        Never raises for bad files: what cannot be read is said in the facts.
        """


class MalwareScanner(Protocol):
    """Asks the malware scanners. Silence is never "clean" (law 1). Safe to repeat."""

    async def scan(
        self, files: Sequence[tuple[int, Path]], budget: float
    ) -> tuple[ScanResult, ...]:
        """Scan files (index, path) within `budget` seconds; one result each, in order.

        Never raises for a scanner's fault: the result says `incomplete`.
        """

    async def ping(self) -> str:
        """Return engine and database version of a living scanner; raise `ScannerError`."""


class Looking(Protocol):
    """Files that a scanner is looking at."""

    def finish(self) -> tuple[ScanResult, ...]:
        """Wait and return what was said, in order; files that nothing was said of are missing.

        Never raises; blocking.
        """


class Foresight(Protocol):
    """Lets the scanner begin while a message is still being read. A help, never a verdict."""

    def begin(self, files: Sequence[tuple[int, bytes | Path]]) -> Looking | None:
        """Hand files (index, content) over, in a worker thread; None where the scan will do it.

        Never raises.
        """


# --- memory ---------------------------------------------------------------------------------


class MessageStore(Protocol):
    """Durable messages. A call that returned is on disk; one that raised left nothing."""

    async def admit(self, new: NewMessage) -> Stored | Known:
        """Store a message with identities, evidence and tasks in one transaction.

        Where an identity is already held (law 4), nothing is written and the holder is returned.
        Messages stored as REJECTED hold no identities: a mended one may come again. One stored
        as HELD may share its content with an earlier one, where not both have the sender's number.
        """

    async def change(self, change: Change) -> Message:
        """Make one step (state, fields, evidence, tasks, completion) in one transaction.

        Raises `UnknownMessageError`, `WrongStateError`, `LostLeaseError`, and `ConflictError`
        where the change was made for other aliases than stand now. Repeating a step that was made
        raises `WrongStateError`.
        """

    async def known(self, arrival: Arrival) -> tuple[Known, ...]:
        """Return earlier messages that share an identity, transport first, then document."""

    async def find_document(self, network: str, sender: Guid, document: Guid) -> Message | None:
        """Return the message that holds this document identity, aliases included."""

    async def get(self, message_id: MessageId) -> Message:
        """Return one message; raise `UnknownMessageError`."""

    async def page(self, query: Query) -> Page:
        """Return a page of messages, oldest first."""

    async def counts(self) -> Counts:
        """Count what stands where, by indexed look-ups only."""


class OutboundStore(Protocol):
    """Durable documents of ours. A call that returned is on disk; one that raised left nothing."""

    async def submit(self, new: NewOutbound) -> Submitted:
        """Store a document with its evidence and tasks in one transaction.

        Where the idempotency key of the same actor was used before for the same request, nothing
        is written and that document is returned, as repeated. Raises `ConflictError` where the key
        stands for another request, or the document's GUID was submitted under another key.
        """

    async def change(self, change: OutboundChange) -> OutboundChanged:
        """Make one step (state, tries, evidence, tasks, health) in one transaction.

        What it makes of the document is `schemas/outbound_change.py`'s. Raises
        `UnknownMessageError`, `WrongStateError`, `ConflictError`, `LostLeaseError`.
        """

    async def get(self, message_id: MessageId) -> OutboundMessage:
        """Return one document; raise `UnknownMessageError`."""

    async def find_document(self, document: Guid) -> OutboundMessage | None:
        """Return the document with this GUID."""

    async def find_attempt(self, network: str, name: str) -> OutboundMessage | None:
        """Return the document that has a try with this transport id or reference."""

    async def page(self, query: OutboundQuery) -> OutboundPage:
        """Return a page of documents, oldest first."""

    async def health(self) -> tuple[ChannelHealth, ...]:
        """Return what was learnt of channels and peers, as last written."""


class TaskQueue(Protocol):
    """Durable work with leases and fencing. A dead worker's task comes back when its lease ends."""

    async def claim(self, kinds: Sequence[TaskKind], limit: int, lease: float) -> tuple[Claim, ...]:
        """Lease tasks that are due, oldest due first, for `lease` seconds."""

    async def finish(self, claim: Claim, evidence: NewEvidence | None = None) -> None:
        """Remove a done task; raise `LostLeaseError` where another may hold it."""

    async def defer(
        self,
        claim: Claim,
        due_at: datetime,
        evidence: NewEvidence | None = None,
        *,
        tried: bool = True,
    ) -> None:
        """Give a task back, to be claimed again at `due_at`; raise `LostLeaseError`.

        `tried` False: nothing was attempted, so it does not count among the task's attempts.
        """

    async def fail(self, claim: Claim, due_at: datetime) -> None:
        """Give back a task that failed inside the gateway, for `due_at`; raise `LostLeaseError`.

        It does not count among its attempts, but among its faults, until it ends in order.
        """

    async def park(self, claim: Claim, reason: str, evidence: NewEvidence) -> None:
        """Hand a task to a person; raise `LostLeaseError`."""

    async def parked(self, limit: int) -> tuple[Parked, ...]:
        """List what waits for a person, oldest first."""

    async def unpark(self, task_id: int, evidence: NewEvidence) -> None:
        """Make a parked task due at once; raise `UnknownMessageError`.

        The evidence row is given the message the task belongs to.
        """

    async def wait(self, seconds: float, kinds: Sequence[TaskKind] = ()) -> None:
        """Return when new work was stored, a task of `kinds` fell due, or after `seconds`.

        Without kinds, a task of any kind.
        """


class ParkedTasks(Protocol):
    """The part of the task queue that people use: what waits for them, and "try again"."""

    async def parked(self, limit: int) -> tuple[Parked, ...]:
        """List what waits for a person, oldest first."""

    async def unpark(self, task_id: int, evidence: NewEvidence) -> None:
        """Make a parked task due at once; raise `UnknownMessageError`.

        The evidence row is given the message the task belongs to.
        """


class Journal(Protocol):
    """The evidence chain. Append-only; rows are written only with their effects (law 6)."""

    async def record(self, evidence: NewEvidence) -> int:
        """Append a row that changes no state (a view, a question answered); return its number."""

    async def events(self, message_id: MessageId) -> tuple[EvidenceRecord, ...]:
        """Return the journey of one message, in order."""

    async def after(self, sequence: int, limit: int) -> tuple[EvidenceRecord, ...]:
        """Return rows after `sequence`, for feeds."""

    async def seal(self) -> Seal | None:
        """Seal all rows since the last seal; None where there are none. Safe to repeat."""

    async def pack(self, message_id: MessageId) -> bytes:
        """Export everything that proves one message's journey; sealed first if need be."""

    async def verify(self) -> int:
        """Verify the whole chain and all seals; return the rows seen; raise `EvidenceError`."""


class BlobStore(Protocol):
    """Bytes by digest. Called from threads. Putting the same bytes again is free and safe."""

    def put(self, source: bytes | Path, *, durable: bool = True) -> Digest:
        """Keep bytes, or move a file in; return its digest.

        `durable`: on disk, folder entry included, when this returns. Otherwise the bytes may be
        gone after a power cut and must be derivable from a durable blob. Raises `StorageError`;
        the file that was to be moved in is removed then, too.
        """

    def path(self, digest: Digest) -> Path | None:
        """Return where the bytes lie, or None where they are gone. Never write there."""

    def spool(self) -> Path:
        """Return a fresh path on the same file system, for a file to be moved in."""

    def remove(self, digest: Digest) -> None:
        """Forget the bytes; forgetting twice is safe."""


class Quarantine(Protocol):
    """Refused bytes, encrypted each under its own key until shredded. Called from threads."""

    def seal(self, digest: Digest, until: datetime) -> bool:
        """Encrypt a blob away and remove its clear bytes. Safe to repeat.

        False, and nothing done, where the bytes were put a moment ago: they may be on their way
        in again. True, and nothing done, where a message that was not rejected or a document of
        ours refers to them, or where they are gone.
        """

    def drop(self, digest: Digest) -> None:
        """Forget a copy taken out of refused bytes. Safe to repeat.

        Nothing is done where a message that was not rejected or a document of ours refers to the
        same bytes (a recipient may send our own file back), or where they were put a moment ago.
        """

    def open(self, digest: Digest) -> bytes:
        """Return the clear bytes for a person who may see them; raise `StorageError`."""

    def shred(self, now: datetime) -> tuple[Digest, ...]:
        """Destroy every key that is past its time; return what was shredded.

        Each destruction and its evidence are one transaction. Safe to repeat.
        """


class Leaders(Protocol):
    """Agrees, among gateways that share a store, on which one does what only one should do."""

    async def leading(self, name: str) -> int:
        """Tell whether it falls to this gateway now; taken on where nobody living has it.

        0 where it does not; else the term: with another one, somebody else may have led in between.
        Ask before each round of the work. For a moment two may do it, where one was taken for
        dead and is not: what they do must be safe then, too. Raises `StorageError`.
        """


# --- people ---------------------------------------------------------------------------------


class Accounts(Protocol):
    """Durable accounts of people. A call that returned is on disk; one that raised left nothing.

    An account is never deleted, and its login is never given again (ACC-05).
    """

    async def add(self, change: PersonChange) -> Person:
        """Store a new person with the evidence; raise `ConflictError` where the login was used."""

    async def change(self, change: PersonChange) -> Person:
        """Store a step of a person, its evidence, and the end of his sessions, in one transaction.

        Raises `UnknownMessageError`, and `ConflictError` where the person was changed since he was
        read: then read again.
        """

    async def find(self, login: str) -> Person | None:
        """Return a person with his secrets."""

    async def by_subject(self, subject: str) -> Person | None:
        """Return the person whom an OpenID provider calls so."""

    async def list(self, after: str, limit: int) -> tuple[Account, ...]:
        """Return accounts in order of login, after a login."""

    async def stood_in_for(self, login: str) -> tuple[Account, ...]:
        """Return the accounts whose deputy this person is, whatever the day."""


class Sessions(Protocol):
    """Log-ins that last, by the hash of their token. Durable: a restart logs nobody out."""

    async def open(
        self, session: Session, evidence: NewEvidence | None, replaces: Digest | None = None
    ) -> None:
        """Store a new session in place of an earlier one, with its evidence, in one transaction.

        Nothing is stored, and `ConflictError` is raised, where the one to be replaced is gone.
        """

    async def find(self, token: Digest) -> Session | None:
        """Return a session, ended by time or not."""

    async def touch(self, token: Digest, at: datetime) -> None:
        """Note that it was used; nothing happens where it is gone."""

    async def end(self, token: Digest, evidence: NewEvidence | None = None) -> bool:
        """Remove a session with its evidence; False, and no evidence, where it was gone."""

    async def of(self, login: str) -> tuple[Session, ...]:
        """Return a person's sessions, oldest first."""

    async def sweep(self, seen_before: datetime, now: datetime) -> int:
        """Remove what has ended by time; return how many. Safe to repeat."""


class Notebook(Protocol):
    """Small things that people set and the gateway heeds, by area and key: pauses, who took what.

    Nothing that a document needs to be whole. A value has at most 64 KiB, an area a few thousand
    keys. Raises `StorageError`; `RuleError` for a value that is too long.
    """

    async def read(self, area: str) -> Mapping[str, bytes]:
        """Return everything noted in an area, by key."""

    async def write(self, area: str, key: str, value: bytes | None, evidence: NewEvidence) -> None:
        """Note a value, or None to remove it, with its evidence, in one transaction. Repeatable."""

    async def add(self, area: str, key: str, value: bytes, evidence: NewEvidence) -> bool:
        """Note it where nothing stands yet; False, and no evidence, where something does."""


class Audit(Protocol):
    """What people did, found in the journal. Only looks; bounded, whatever the journal holds."""

    async def deeds(self, query: AuditQuery) -> AuditPage:
        """Return a page of deeds, newest first; raise `StorageError`."""


class Tokens(Protocol):
    """The registry API's tokens. Called from threads; what is changed holds at once.

    Raises `ConflictError`, `ConfigurationError`, `StorageError`, `UnknownMessageError`.
    """

    def tokens(self) -> tuple[Token, ...]:
        """List all tokens, revoked and expired ones included, in order of making."""

    def create(
        self, name: str, scopes: Sequence[Scope], expires_at: datetime | None = None
    ) -> tuple[Token, str]:
        """Make a token; return it with its secret, which nobody can show again."""

    def revoke(self, name: str) -> Token:
        """Make a token useless from now on; safe to repeat."""


# --- the world ------------------------------------------------------------------------------


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """Wall time, UTC, aware."""

    def monotonic(self) -> float:
        """Seconds that only grow, for durations."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class IdSource(Protocol):
    """The only source of new identities."""

    def message_id(self) -> MessageId:
        """A new message id, ordered by time (UUIDv7)."""

    def guid(self) -> Guid:
        """A new random GUID."""

    def secret(self) -> str:
        """A new unguessable text of at least 192 bits (leases, tokens)."""


class Jitter(Protocol):
    """The only source of chance."""

    def fraction(self) -> float:
        """A number from 0 up to, not including, 1."""


class Threads(Protocol):
    """Runs blocking work off the event loop. Bounded: callers wait rather than pile up."""

    async def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `function` in a worker thread and return its result."""


class Checkpoint(Protocol):
    """Told of every step that separates two committed states; crash tests stop there."""

    def reached(self, step: AnyStep) -> None:
        """Return at once in normal life."""


class Observer(Protocol):
    """The eyes: one method per thing that can happen. Told, never asking; never raises."""

    def arrived(self, network: str, size: int) -> None:
        """Bytes of a message were received."""

    def examined(self, network: str, checks: tuple[CheckRecord, ...]) -> None:
        """Every check has spoken."""

    def stored(self, message: str, network: str, state: str, seconds: float) -> None:
        """A message was made durable in this state, `seconds` after its arrival."""

    def repeated(self, message: str, network: str, by: str) -> None:
        """A message came again; nothing was stored."""

    def changed(self, message: str, network: str, state: str) -> None:
        """A stored message took a step."""

    def notice(self, message: str, network: str, outcome: str, attempts: int) -> None:
        """The sender was told, or could not be told."""

    def word(self, network: str, kind: str) -> None:
        """A smaller message of a network was handled."""

    def task(self, kind: str, outcome: str, seconds: float) -> None:
        """A task ran: `done`, `deferred`, `parked`, `lost`, `failed`."""

    def trouble(self, where: str, code: str) -> None:
        """Something of ours or of a neighbour failed; `where` and `code` are bounded words."""

    def tried(self, message: str, network: str, outcome: str, seconds: float) -> None:
        """A try to send a document of ours ended."""

    def moved(self, message: str, network: str, state: str) -> None:
        """A document of ours took a step."""

    def circuit(self, network: str, state: str) -> None:
        """A channel's breaker opened, or closed again."""

    def failed(self, network: str, direction: str, blame: str) -> None:
        """Something on a network did not succeed; `direction` is `in` or `out`, `blame` whose."""

    def lasted(self, network: str, stage: str, seconds: float) -> None:
        """A stretch of a document's way ended (`schemas/lasting.py`)."""

    def committed(self, callers: int, seconds: float) -> None:
        """The store made the work of so many callers durable at once. Called in any thread."""

    def request(self, listener: str, status: int, seconds: float) -> None:
        """A listener answered a request."""


# --- the console's eyes ---------------------------------------------------------------------


class Overview(Protocol):
    """What the operators' pages are made of: facts, never words. Only looks; safe to repeat.

    Every look is bounded, whatever the store holds, and keeps no message waiting. Documents are
    returned whole: what of them somebody may see is the page's to decide (ROL-06), and that it
    was looked at is the page's to record (AUD-05). Raises `StorageError`.
    """

    async def home(self, day: datetime, most: int = 20) -> Home:
        """Return how everything stands; `day` is the start of the balanced day, a whole hour.

        At most `most` needs of each kind are listed; a DECLINED document that stands in the
        notebook's area `seen` is none any more. The day has 24 hours, or as many as have
        passed; things are counted by the hour in which they were stored.
        """

    async def lines(self, query: LineQuery) -> Lines:
        """Return a page of documents of both directions, newest first."""

    async def story(self, message_id: MessageId) -> Story:
        """Return one document with its journal and its work; raise `UnknownMessageError`."""

    async def queue(self) -> tuple[QueueAge, ...]:
        """Return the ages of all work, one for each kind of task."""

    async def peers(self, query: PeerQuery) -> tuple[PeerTraffic, ...]:
        """Return the traffic of peers, by identifier; the next page is after the last of them."""

    async def quarantine(self, after: str = "", limit: int = 50) -> QuarantinePage:
        """Return what lies encrypted, the soonest to be shredded first."""

    async def seals(self, before: int = 0, limit: int = 50) -> tuple[Seal, ...]:
        """Return the journal's seals with numbers below `before`, newest first; 0: the newest."""
