"""`depesha simulate ssev`, `isds` and `email`: stand-ins for partners who try their own software.

The partner gets a profile, a data box or a mailbox with keys; the other administration opens what
it is sent and tells so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Final

from depesha.ports import Clock, IdSource
from depesha.schemas.envelope import Party
from depesha.simulators import papers
from depesha.simulators.authority import Authority, make_key
from depesha.simulators.bodies import EMAIL, ISDS, IZVOR, NETWORKS, PRIKLAD, SSEV, Body
from depesha.simulators.country_isds import KEYS, CountryIsds, Holder
from depesha.simulators.country_mail import CountryMail
from depesha.simulators.country_ssev import CountrySsev
from depesha.simulators.interrupting import interruptible
from depesha.simulators.isds_values import Draft, LoginKind, StoredFile
from depesha.simulators.simulate import OFFICE_SECONDS, YOU
from depesha.simulators.tls import write_keys
from depesha.simulators.wires import Wires

_STEP: Final = 0.5
YOUR_OFFICE: Final = Body(
    folder="you", party=Party(identifier="00000199", name="Váš úřad"), networks=(ISDS,)
)


async def simulate_network(
    network: str,
    folder: Path,
    host: str,
    port: int,
    *,
    say: Callable[[str], None],
    clock: Clock,
    ids: IdSource,
) -> int:
    """Run until Ctrl-C or SIGTERM; SOAP, or handing in mail, is on `port` (0: a free one)."""
    stands: dict[str, type[SsevStand | IsdsStand | MailStand]] = {
        SSEV: SsevStand,
        ISDS: IsdsStand,
        EMAIL: MailStand,
    }
    stand = stands[network]
    with interruptible() as interrupted:
        try:
            async with AsyncExitStack() as stack:
                made = stand(folder, host, clock, ids)
                await made.start(stack, port)
                for line in made.told():
                    say(line)
                while True:
                    await clock.sleep(_STEP)
                    await made.work(say)
        except asyncio.CancelledError:
            if not interrupted.is_set():
                raise
    return 0


class _Stand:
    """An authority and wires for one network."""

    who: tuple[Body, Body] = (YOU, IZVOR)
    """The partner, and who answers it."""

    def __init__(self, folder: Path, host: str, clock: Clock, ids: IdSource) -> None:
        self.folder = folder
        self.clock = clock
        self.ids = ids
        self.bodies = tuple(replace(body, networks=NETWORKS) for body in self.who)
        self.wires = Wires(clock=clock, host=host)

    @property
    def trusted(self) -> Path:
        """The authority's certificate."""
        return self.folder / "ca" / "ca.cert.pem"

    async def authority(self) -> Authority:
        """Make the authority and write it down."""
        now = self.clock.now()
        made = await asyncio.to_thread(Authority.create, "Depesha Simulator CA", at=now)
        await asyncio.to_thread(made.write, self.folder / "ca", at=now)
        return made


class SsevStand(_Stand):
    """SSEV with a profile for the partner and one that opens what it gets."""

    ssev: CountrySsev

    async def start(self, stack: AsyncExitStack, port: int) -> None:
        """Make keys, listen, and enter both bodies; the stack stops everything."""
        authority = await self.authority()
        self.ssev = CountrySsev(
            folder=self.folder / "ssev",
            authority=authority,
            trusted=self.trusted,
            wires=self.wires,
            clock=self.clock,
        )
        server, stamper = [await asyncio.to_thread(make_key) for _ in range(2)]
        await self.ssev.start(stack, self.ids, server, stamper, port)
        for body in self.bodies:
            identity = await asyncio.to_thread(
                authority.issue,
                f"{body.folder}.example",
                eik=body.party.identifier,
                at=self.clock.now(),
            )
            folder = self.folder / body.folder
            keys = write_keys(identity, folder, body.folder, self.trusted)
            self.ssev.join(body, identity.certificate_der, keys)

    def told(self) -> tuple[str, ...]:
        """What a partner needs to know."""
        you, other = self.ssev.described()["logins"]
        urls = self.ssev.urls
        return (
            f"SOAP             {urls.soap}",
            f"Token server     {urls.oauth}",
            f"API              {urls.api}, uploads {urls.upload}",
            f"Administration   {other['name']}, EIK {other['eik']}, profile {other['profile_id']}",
            f"You are          {you['name']}, EIK {you['eik']}, profile {you['profile_id']}",
            f"  client id, OID {you['client_id']}, {you['oid']}",
            f"  your key       {you['key']}",
            f"  certificate    {you['certificate']}",
            f"  trust          {self.trusted}",
            "Messages you send are opened after a moment; Ctrl-C ends it.",
        )

    async def work(self, say: Callable[[str], None]) -> None:
        """Open what came."""
        state, profile = self.ssev.simulator.state, self.ssev.profiles[IZVOR.folder]
        for message, copy in state.inbox(profile):
            if copy.opened_at is None:
                await self.clock.sleep(OFFICE_SECONDS)
                await state.open_by_person(message.message_id, profile)
                say(f"message {message.message_id} opened: {message.subject}")


class IsdsStand(_Stand):
    """ISDS with a data box for the partner and one that reads and answers what it gets."""

    who = (YOUR_OFFICE, PRIKLAD)
    isds: CountryIsds

    async def start(self, stack: AsyncExitStack, port: int) -> None:
        """Make keys, listen, and open both boxes; the stack stops everything."""
        authority = await self.authority()
        self._numbers = 0
        self.isds = CountryIsds(
            folder=self.folder / "isds",
            authority=authority,
            trusted=self.trusted,
            wires=self.wires,
            clock=self.clock,
        )
        keys = [await asyncio.to_thread(make_key) for _ in range(KEYS)]
        await self.isds.start(stack, self.ids, iter(keys), port)
        self._shown: dict[str, bytes] = {}
        for body in self.bodies:
            identity = await asyncio.to_thread(
                authority.issue,
                f"{body.folder}.example",
                eik=body.party.identifier,
                at=self.clock.now(),
            )
            files = write_keys(identity, self.folder / body.folder, body.folder, self.trusted)
            self._shown[body.folder] = identity.certificate_der
            await asyncio.to_thread(self.isds.join, body, identity.certificate_der, files)
        you = self.isds.holders[YOUR_OFFICE.folder]
        self.isds.simulator.people.admit_certificate(you.box, self._shown[YOUR_OFFICE.folder])

    def told(self) -> tuple[str, ...]:
        """What a partner needs to know."""
        urls = self.isds.urls
        you = self.isds.holders[YOUR_OFFICE.folder]
        other = self.isds.holders[PRIKLAD.folder]
        secret = you.password_file.read_text("ascii").strip() if you.password_file else ""
        return (
            f"ws1              {urls.ws1}/DS/ (password), {urls.ws1}/cert/DS/ (certificate)",
            f"ws2              {urls.ws2}/DS/, {urls.ws2}/cert/DS/ (big messages)",
            f"Office           {_named(other)}",
            f"You are          {_named(you)}",
            f"  user, password {you.user}, {secret}",
            f"  your key       {you.keys.key}",
            f"  certificate    {you.keys.certificate}",
            f"  trust          {self.trusted}",
            f"  seals, stamps  {self.isds.seals}",
            "Messages you send are read and answered after a moment; Ctrl-C ends it.",
        )

    async def work(self, say: Callable[[str], None]) -> None:
        """Log in to the box where something waits, and answer it under its reference number."""
        state, holder = self.isds.simulator.state, self.isds.holders[PRIKLAD.folder]
        state.settle()
        waiting = [m for m in state.received(holder.box.box_id) if m.entered_at is None]
        if not waiting:
            return
        await self.clock.sleep(OFFICE_SECONDS)
        shown = self._shown[PRIKLAD.folder]
        caller = self.isds.simulator.people.enter(LoginKind.CERTIFICATE, None, "", shown)
        state.enter(caller)
        for message in waiting:
            self._numbers += 1
            number = f"UP {self._numbers}/{self.clock.now().year}"
            content = papers.pdf(f"Answer {number}")
            file = StoredFile(
                path=state.files.put(content),
                size=len(content),
                name="odpověď.pdf",
                mime=papers.PDF,
                meta="main",
            )
            told = {"dmSenderRefNumber": number}
            if asked := message.draft.texts.get("dmSenderRefNumber"):
                told["dmRecipientRefNumber"] = asked
            draft = Draft(
                recipient=message.sender, annotation=f"Odpověď {number}"[:255], texts=told
            )
            answer = state.submit(caller, draft, (file,))
            say(
                f"message {message.message_id} read: {message.draft.annotation}; "
                f"answered by {answer.message_id} as {number}"
            )


def _named(holder: Holder) -> str:
    party = holder.body.party
    return f"{party.name}, IČO {party.identifier}, box {holder.box.box_id}"


class MailStand(_Stand):
    """A mail domain with a box for the partner and one that is watched."""

    mail: CountryMail

    async def start(self, stack: AsyncExitStack, port: int) -> None:
        """Make keys, listen, and open both boxes; the stack stops everything."""
        self._seen = 0
        self.mail = CountryMail(
            folder=self.folder / "mail",
            authority=await self.authority(),
            trusted=self.trusted,
            wires=self.wires,
            clock=self.clock,
            ids=self.ids,
        )
        await self.mail.start(stack, (), port)
        for body in self.bodies:
            await asyncio.to_thread(self.mail.join, body, await asyncio.to_thread(make_key))

    def told(self) -> tuple[str, ...]:
        """What a partner needs to know."""
        servers, you = self.mail.described(), self.mail.bodies[YOU.folder]
        return (
            f"Handing in       {servers['smtp']['url']}, STARTTLS, then a login",
            f"Reading          {servers['imap']['url']}",
            f"Administration   {IZVOR.party.name}, {IZVOR.address}",
            f"You are          {YOU.party.name}, {YOU.address}",
            f"  password       {you.box.password}",
            f"  your key       {you.keys.key}",
            f"  certificate    {you.keys.certificate}",
            f"  trust          {self.trusted}",
            "Letters that arrive are told here; Ctrl-C ends it.",
        )

    async def work(self, say: Callable[[str], None]) -> None:
        """Tell what came."""
        mails = self.mail.bodies[IZVOR.folder].box.mails
        for mail in mails[self._seen :]:
            headers = message_from_bytes(
                mail.content.partition(b"\r\n\r\n")[0], policy=policy.default
            )
            say(f"a letter arrived, {len(mail.content):,} bytes: {headers['Subject']}")
        self._seen = len(mails)
