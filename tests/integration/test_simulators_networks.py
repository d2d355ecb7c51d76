"""A country with every network: profiles, boxes, settings the product takes, wires that are cut."""

from __future__ import annotations

import asyncio
import imaplib
import json
import smtplib
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from depesha.adapters.email.settings import EmailSettings
from depesha.adapters.email.signals import MailSignals
from depesha.adapters.email.smime import MailSigner
from depesha.adapters.email.smtp import Dispatch
from depesha.adapters.seos.settings import SeosSettings
from depesha.adapters.ssev.calling import Carrier, CarrierLimits
from depesha.adapters.ssev.settings import SsevSettings
from depesha.adapters.ssev.tokens import TokenKeeper
from depesha.config import load
from depesha.errors import UnreachableError
from depesha.schemas.outbound import Signal, SignalKind
from depesha.schemas.outcome import Delivered
from depesha.schemas.wire.ssev import LETTER_TEMPLATE
from depesha.simulators import demo_mail, simulate_networks
from depesha.simulators.bodies import BRYAG, IZVOR, NETWORKS, OBRAZETS, POLYANA, PRIMER
from depesha.simulators.country import Country
from depesha.simulators.country_mail import PASSWORD
from depesha.simulators.demo_mail import Letterbox, Operators
from depesha.simulators.demo_report import DemoFailedError
from depesha.simulators.fault_proxy import Mode
from depesha.simulators.gateway_plan import toml
from depesha.simulators.simulate_networks import MailStand, SsevStand
from depesha.simulators.ssev_values import Caller, Draft
from depesha.simulators.tls import client_context
from tests.support.country import CLOCK, IDS, Unmanned
from tests.support.mail import FILES, GUID, written
from tests.support.simulators import letter

pytestmark = pytest.mark.clamd


@pytest.fixture
async def country(tmp_path: Path) -> AsyncIterator[Country]:
    made = Unmanned(tmp_path / "c", clock=CLOCK, ids=IDS, networks=NETWORKS)
    async with made:
        yield made


async def test_the_settings_of_every_network_are_settings_the_product_takes(
    country: Country,
) -> None:
    gateway = country.gateways[PRIMER.folder]
    settings = load(gateway.settings)
    assert settings.outbound.channels == NETWORKS
    assert set(settings.networks) == set(NETWORKS)
    SeosSettings(**settings.networks["seos"])
    ssev = SsevSettings(**settings.networks["ssev"])
    assert ssev.rest is not None
    assert ssev.soap is not None
    assert ssev.soap.url == country.ssev.urls.soap != country.ssev.simulator.urls.soap
    mail = EmailSettings(**settings.networks["email"])
    assert mail.mailbox is not None
    assert mail.submission.port == country.wires["email.smtp"].port
    assert {p.identifier for p in mail.partners} >= {
        POLYANA.party.identifier,
        OBRAZETS.party.identifier,
    }
    assert set(settings.signals.addresses) == set(NETWORKS)
    assert PASSWORD in gateway._environment
    assert gateway._environment[PASSWORD] not in gateway.settings.read_text()


async def test_who_is_where(country: Country) -> None:
    in_seos = {entry.party.identifier for entry in country.register.entries}
    in_ssev = {profile.identifier for profile in country.ssev.profiles.values()}
    with_mail = {one.body.party.identifier for one in country.mail.bodies.values()}
    bryag, polyana = BRYAG.party.identifier, POLYANA.party.identifier
    assert bryag in in_ssev - in_seos - with_mail
    assert polyana in with_mail - in_seos - in_ssev
    for body in (PRIMER, OBRAZETS, IZVOR):
        assert body.party.identifier in in_seos & in_ssev & with_mail


async def test_certificates_are_for_mail_and_name_the_address(country: Country) -> None:
    for one in country.mail.bodies.values():
        extensions = one.identity.certificate.extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uses = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert names.get_values_for_type(x509.RFC822Name) == [one.body.address]
        assert ExtendedKeyUsageOID.EMAIL_PROTECTION in uses


async def test_a_peer_is_reached_through_its_wire_until_it_is_cut(country: Country) -> None:
    izvor, dolina = country.peers["izvor"], country.peers["dolina"]
    entry = country.register.find(dolina.party.guid or IDS.guid())
    assert entry is not None
    assert entry.url != dolina.url
    await izvor.submit(dolina.party, entry.url, letter())
    assert len(dolina.books.received) == 1
    await country.wires.cut("seos")
    assert (await izvor.submit(dolina.party, entry.url, letter())).trouble == "no connection"
    await country.wires.mend("seos")
    await izvor.submit(dolina.party, entry.url, letter())
    assert len(dolina.books.received) == 2
    assert country.wires["seos.dolina"].wire.counts[Mode.PASS] == 2


async def test_ssev_knows_a_gateway_by_its_certificate_through_the_wire(country: Country) -> None:
    plan = country.gateways[OBRAZETS.folder].plan
    settings = SsevSettings(**load(country.gateways[OBRAZETS.folder].settings).networks["ssev"])
    assert settings.rest is not None
    limits = CarrierLimits(connect_seconds=2, whole_seconds=5)
    carrier = Carrier(tls=client_context(plan.keys), limits=limits)
    keeper = TokenKeeper(settings=settings.rest, carrier=carrier, clock=CLOCK)
    access = await keeper.access()
    assert access.token
    assert country.wires["ssev.oauth"].wire.counts[Mode.PASS] >= 1
    keeper.drop(access)
    await country.wires.cut("ssev")
    with pytest.raises(UnreachableError):
        await keeper.access()
    await country.wires.mend("ssev")
    assert (await keeper.access()).token != access.token
    await carrier.close()


async def test_mail_goes_through_the_wire_into_a_box_that_can_be_read(country: Country) -> None:
    described = country.described()["networks"]
    context = ssl.create_default_context(cafile=str(country.folder / "ca" / "ca.cert.pem"))
    logins = {one["address"]: one["password"] for one in described["smtp"]["logins"]}
    operator = country.mail.operators["ssev"].address

    def send_and_read() -> bytes:
        with smtplib.SMTP("127.0.0.1", int(described["smtp"]["url"].split(":")[2])) as smtp:
            smtp.starttls(context=context)
            smtp.login(PRIMER.address, logins[PRIMER.address])
            smtp.sendmail(PRIMER.address, operator, "Subject: x\r\n\r\nSSEV is down\r\n")
        port = int(described["imap"]["url"].split(":")[2])
        with imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=context) as imap:
            imap.login(operator, logins[operator])
            imap.select("INBOX")
            _, found = imap.uid("FETCH", "1", "BODY[]")
        return bytes(found[0][1])

    assert b"SSEV is down" in await asyncio.to_thread(send_and_read)
    assert country.wires["email.smtp"].wire.counts[Mode.PASS] == 1


async def _hand_in(country: Country, sender: str, recipient: str, mail: bytes) -> None:
    context = ssl.create_default_context(cafile=str(country.folder / "ca" / "ca.cert.pem"))
    password = country.mail.bodies[PRIMER.folder].box.password

    def send() -> None:
        wire = country.wires["email.smtp"]
        with smtplib.SMTP(wire.host, wire.port) as smtp:
            smtp.starttls(context=context)
            smtp.login(PRIMER.address, password)
            smtp.sendmail(sender, recipient, mail)

    await asyncio.to_thread(send)


async def test_a_letter_in_a_box_is_verified_by_openssl_and_a_changed_one_is_not(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = country.mail.bodies[PRIMER.folder]
    made = written(sender=PRIMER.address, recipient=POLYANA.address)
    mail = MailSigner(
        key_pem=own.identity.key_pem,
        certificates_pem=own.identity.chain_pem,
        address=PRIMER.address,
    ).sign(made)
    letters = Letterbox(country, CLOCK)
    await _hand_in(country, PRIMER.address, POLYANA.address, mail)
    found = await letters.verified(POLYANA, GUID)
    assert "successful" in found.said.lower()
    assert {file.attachment.digest for file in FILES} <= set(found.digests)
    await _hand_in(country, PRIMER.address, POLYANA.address, mail)
    with pytest.raises(DemoFailedError, match="2 times"):
        await letters.verified(POLYANA, GUID)
    box = country.mail.bodies[POLYANA.folder].box
    box.mails.clear()
    box.deposit(mail.replace(b"JVBERi0x", b"JVBERi0y", 1))
    with pytest.raises(DemoFailedError, match="refuses"):
        await letters.verified(POLYANA, GUID)
    box.mails.clear()
    monkeypatch.setattr(demo_mail, "PATIENCE", 0.2)
    with pytest.raises(DemoFailedError, match="not in the recipient's box"):
        await letters.verified(POLYANA, GUID)


async def test_a_signal_is_found_by_its_kind_and_its_document(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    operators = Operators(country, CLOCK)
    submitter = _Handing(country)
    signals = MailSignals(
        addresses={"seos": country.mail.operators["seos"].address},
        own_name=PRIMER.party.name,
        own_address=PRIMER.address,
        submitter=submitter,  # type: ignore[arg-type] # only the form of the mail is of interest
    )
    since = operators.mark("seos")
    signal = Signal(
        kind=SignalKind.FALLBACK, network="seos", at=CLOCK.now(), instead="ssev", message_id="a1"
    )
    await signals.tell(signal)
    assert await operators.signalled("seos", since, SignalKind.FALLBACK, about="a1")
    monkeypatch.setattr(demo_mail, "PATIENCE", 0.2)
    for kind, about, after in (
        (SignalKind.FALLBACK, "a2", since),
        (SignalKind.CHANNEL_BACK, "a1", since),
        (SignalKind.FALLBACK, "a1", operators.mark("seos")),
    ):
        with pytest.raises(DemoFailedError, match="did not hear"):
            await operators.signalled("seos", after, kind, about=about)


class _Handing:
    """Hands a mail in as the product's own submitter does, with less care."""

    def __init__(self, country: Country) -> None:
        self._country = country

    async def send(self, dispatch: Dispatch) -> Delivered:
        await _hand_in(self._country, dispatch.sender, dispatch.recipient, dispatch.content)
        return Delivered()


async def test_the_description_tells_addresses_and_logins(country: Country) -> None:
    described: dict[str, Any] = json.loads(json.dumps(country.described()))
    networks = described["networks"]
    assert set(networks) == {"seos_register", "ssev", "smtp", "imap"}
    assert {"soap", "oauth", "api", "upload", "blobs", "logins"} == set(networks["ssev"])
    primer = described["gateways"][0]
    assert primer["seos_url"] == country.gateways[PRIMER.folder].seos_url
    assert primer["seos_url"] != country.gateways[PRIMER.folder].direct_url


async def test_a_country_of_seos_alone_has_no_wires(tmp_path: Path) -> None:
    async with Country(
        tmp_path / "c", clock=CLOCK, ids=IDS, gateways=(), acting=(IZVOR,), bare=()
    ) as made:
        assert list(made.wires) == []
        assert BRYAG.folder not in made.peers
        entry = made.register.find(IZVOR.party.guid or IDS.guid())
        assert entry is not None
        assert entry.url == made.peers["izvor"].url
        with pytest.raises(RuntimeError):
            made.mail  # noqa: B018 - asking is the test


def test_tables_within_a_section_are_written() -> None:
    told = toml({"a": {"b": [{"c": "д", "e": 1}], "f": {"g": True}, "h": 1.5}})
    assert told == '[a]\nb = [{c = "д", e = 1}]\nf = {g = true}\nh = 1.5\n'


async def test_a_stand_of_ssev_opens_what_a_partner_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulate_networks, "OFFICE_SECONDS", 0.01)
    async with AsyncExitStack() as stack:
        stand = SsevStand(tmp_path, "127.0.0.1", CLOCK, IDS)
        await stand.start(stack, 0)
        told = "\n".join(stand.told())
        assert stand.ssev.urls.soap in told
        state, people = stand.ssev.simulator.state, stand.ssev.profiles
        you = Caller(profile=people["you"], login=stand.ssev.logins["you"])
        draft = Draft(subject="Покана", template_id=LETTER_TEMPLATE, fields={})
        message = await state.send(you, (people["izvor"],), draft)
        said: list[str] = []
        await stand.work(said.append)
        assert message.copies[0].opened_at is not None
        assert "Покана" in said[0]


async def test_a_stand_of_mail_tells_what_arrives(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        stand = MailStand(tmp_path, "127.0.0.1", CLOCK, IDS)
        await stand.start(stack, 0)
        assert stand.mail.bodies["you"].box.password in "\n".join(stand.told())
        said: list[str] = []
        stand.mail.bodies["izvor"].box.deposit("Subject: Отговор\r\n\r\nx\r\n".encode())
        for _ in range(2):
            await stand.work(said.append)
        assert len(said) == 1
        assert "Отговор" in said[0]
