"""Parties of ISDS: a GUID holds a box id, partners go by the identifier of all networks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from depesha.adapters.isds.parties import Partner, PartnerBook, box_of_guid, is_box, party_guid
from depesha.adapters.isds.settings import Acknowledgement
from depesha.schemas import ids
from depesha.schemas.ids import Guid

BOXES = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=7, max_size=7)


@given(BOXES)
def test_a_guid_tells_its_box_in_its_environment_alone(box_id: str) -> None:
    guid = party_guid("production", box_id)
    assert ids.guid(guid) == guid
    assert guid[14] == "8"  # version 8
    assert guid[19] == "8"  # the variant of RFC 9562
    assert box_of_guid("production", guid) == box_id
    assert box_of_guid("test", guid) is None


@given(st.uuids())
def test_any_other_guid_tells_none(value: object) -> None:
    assert box_of_guid("production", Guid(str(value))) is None


def test_partners_are_named_as_on_all_networks() -> None:
    partner = Partner(
        identifier="000000002",
        name="Město Ukázkov",
        box_id="xyz6789",
        acknowledgement=Acknowledgement.REPLY,
    )
    book = PartnerBook([partner], "test")
    assert book.box_of(" 000000002 ") == "xyz6789"
    assert book.box_of("abc2345") == "abc2345"
    assert book.box_of("00000077") is None  # an IČO: ISDS alone could tell
    assert book.party("xyz6789", "").identifier == "000000002"
    assert book.party("abc2345", "Někdo").identifier == "abc2345"
    assert (book.acknowledged("xyz6789"), book.acknowledged("abc2345")) == (True, False)
    assert not is_box("ABC2345")
