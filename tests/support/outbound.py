"""Documents, channels and tries for tests of the way out: plainly fictional, short to write."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from depesha.schemas.dispatch import Attempt, Dispatch, Quality
from depesha.schemas.envelope import Attachment, DocumentReference, Party, RegistrationNumber
from depesha.schemas.facts import ContentFacts, FileSignature
from depesha.schemas.ids import Digest, Guid
from depesha.schemas.route import ChannelFacts, Reach

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""A Monday."""
DOCUMENT = Guid("11111111-1111-4111-8111-111111111111")
PEER = "000000002"


def attachment(index: int = 1, size: int = 1000, name: str = "писмо.pdf") -> Attachment:
    return Attachment(
        index=index,
        name=name,
        media_type="application/pdf",
        size=size,
        digest=Digest(f"{index:064x}"),
    )


def content(
    file: Attachment, *, detected: str = "application/pdf", signed: bool = True, **more: Any
) -> ContentFacts:
    signatures = (FileSignature(form="PAdES", signer="CN=Пример"),) if signed else ()
    return ContentFacts(
        attachment=file, detected=detected, safe_name="a.pdf", signatures=signatures, **more
    )


def dispatch(**changes: Any) -> Dispatch:
    made = Dispatch(
        idempotency_key="key-1",
        submitted_at=NOW,
        sender=Party(identifier="000000001", name="Община Пример"),
        recipient=Party(identifier=PEER, name="Агенция Образец"),
        document=DocumentReference(
            guid=DOCUMENT, number=RegistrationNumber(number="ИЗХ-1", date=date(2026, 3, 2))
        ),
        kind="Писмо",
        subject="Относно примера",
        files=(attachment(),),
    )
    return replace(made, **changes)


def channel(network: str, **changes: Any) -> ChannelFacts:
    mail = network == "email"
    made = ChannelFacts(
        network=network,
        quality=Quality.SIGNED_MAIL if mail else Quality.REGISTERED_DELIVERY,
        reach=Reach.REGISTERED,
        reach_as_of=NOW,
        can_ask=not mail,
    )
    return replace(made, **changes)


ALL = (channel("seos"), channel("ssev"), channel("email"))


def attempt(number: int = 1, network: str = "seos", **changes: Any) -> Attempt:
    made = Attempt(
        id=f"attempt-{number}",
        network=network,
        number=number,
        transport_id=Guid(f"22222222-2222-4222-8222-{number:012d}"),
        payload=Digest("0" * 64),
        intended_at=NOW - timedelta(minutes=1),
    )
    return replace(made, **changes)
