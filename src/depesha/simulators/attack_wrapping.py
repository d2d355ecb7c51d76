"""Attacks on what a signature covers: wrapping, moving, doubling, references to elsewhere.

The signatures are the victim's own and mathematically good wherever that is possible.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lxml import etree

from depesha.schemas.verdict import Rejection
from depesha.schemas.xml import serialise
from depesha.simulators.attack_tools import (
    DS,
    Attack,
    Shape,
    attack,
    certificate_xml,
    copy_of,
    filled,
    forge,
    like,
    part,
    reference_xml,
    signature_of,
    signed,
    signing_key,
    stripped,
    tree,
)
from depesha.simulators.authority import Identity

STRUCTURE: Final = Rejection.SIGNATURE_STRUCTURE
INVALID: Final = Rejection.SIGNATURE_INVALID
MISSING: Final = Rejection.SIGNATURE_MISSING
SCHEMA: Final = Rejection.NOT_THE_SCHEMA
_READS_FORGED = "the signature is found good, and the forged part is read"


def wrapping(good: bytes, victim: Identity) -> Iterator[Attack]:
    """The eight known wrapping variants, adapted to a signature over the whole document."""
    yield from _around_the_signature(good)
    yield from _around_the_body(good)
    yield from _by_identity(good, victim)


def _forged_with(good: bytes) -> tuple[etree._Element, etree._Element, etree._Element]:
    """Return a forged root without signature, the original without one, and the signature."""
    original = tree(good)
    signature = signature_of(original)
    original.remove(signature)
    return forge(copy_of(original)), original, signature


def _around_the_signature(good: bytes) -> Iterator[Attack]:
    root, original, signature = _forged_with(good)
    signature.append(original)
    root.append(signature)
    yield attack("xsw1-original-inside-signature", _READS_FORGED, serialise(root), STRUCTURE)

    root, original, signature = _forged_with(good)
    root.extend([original, signature])
    yield attack(
        "xsw2-original-before-signature", _READS_FORGED, serialise(root), STRUCTURE, INVALID
    )

    root, original, signature = _forged_with(good)
    root.extend([signature, original])
    yield attack("xsw3-original-after-signature", _READS_FORGED, serialise(root), STRUCTURE)

    root, original, signature = _forged_with(good)
    holder = etree.SubElement(signature, f"{{{DS}}}Object")
    holder.append(original)
    root.append(signature)
    yield attack("xsw4-original-in-object", _READS_FORGED, serialise(root), STRUCTURE)

    root, original, signature = _forged_with(good)
    original.append(signature)
    root.append(original)
    yield attack("xsw5-signed-original-nested", _READS_FORGED, serialise(root), STRUCTURE)

    original = tree(good)
    wrapper = like(original, "Wrapper")
    wrapper.extend([forge(stripped(good)), original])
    why = "the first message in the wrapper is read, the second one is verified"
    yield attack("xsw-two-messages-in-wrapper", why, serialise(wrapper), STRUCTURE, SCHEMA)


def _around_the_body(good: bytes) -> Iterator[Attack]:
    root = tree(good)
    body = part(root, "Body")
    forged = part(forge(tree(good)), "Body")
    body.addprevious(forged)
    yield attack("xsw6-forged-body-first", _READS_FORGED, serialise(root), INVALID, SCHEMA)

    root = forge(tree(good))
    part(root, "Body").append(part(tree(good), "Body"))
    why = "the original body inside the forged one satisfies a careless search"
    yield attack("xsw7-original-body-nested", why, serialise(root), INVALID, SCHEMA)

    root, original, signature = _forged_with(good)
    extension = like(root, "DocAddData")
    original.append(signature)
    extension.append(original)
    part(root, "Body").append(extension)
    why = "the signed original travels in an extension nobody validates"
    yield attack("xsw8-original-in-extension", why, serialise(root), STRUCTURE, SCHEMA)


def _by_identity(good: bytes, victim: Identity) -> Iterator[Attack]:
    """What would follow had the victim ever signed a part by its Id."""
    key, info = signing_key(victim), certificate_xml(victim)
    shape = Shape(key_info=info, references=reference_xml(uri='URI="#b"'))
    root = stripped(good)
    body = part(root, "Body")
    body.set("Id", "b")
    signature = signed(root, shape, key)
    yield attack("reference-by-id", "only a part is covered", serialise(root), STRUCTURE)

    original = copy_of(body)
    forge(root)
    body.set("Id", "other")
    holder = etree.SubElement(signature, f"{{{DS}}}Object")
    holder.append(original)
    yield attack("xsw-by-id-in-object", _READS_FORGED, serialise(root), STRUCTURE)

    root = stripped(good)
    part(root, "Body").set("Id", "b")
    signed(root, shape, key)
    forged = forge(copy_of(root))
    part(root, "Body").addprevious(part(forged, "Body"))
    why = "two elements share an Id: one is verified, the other is read"
    yield attack("duplicate-ids", why, serialise(root), STRUCTURE, SCHEMA)


def placement(good: bytes) -> Iterator[Attack]:
    """Signatures that are missing, moved, doubled, or decoys."""
    yield attack("stripped", "unsigned is taken for signed", serialise(stripped(good)), MISSING)

    root = tree(good)
    part(root, "Body").append(signature_of(root))
    yield attack("moved-into-body", "a signature anywhere is believed", serialise(root), STRUCTURE)

    root = tree(good)
    root.insert(0, signature_of(root))
    yield attack("moved-to-front", "a signature anywhere is believed", serialise(root), STRUCTURE)

    root = tree(good)
    root.append(copy_of(signature_of(root)))
    why = "one of two signatures is checked, the other is shown"
    yield attack("doubled", why, serialise(root), STRUCTURE)

    for place in ("Document", "Header", "Body"):
        root = tree(good)
        where = next((one for one in root.iter(f"{{*}}{place}")), None)
        if where is None:
            continue
        where.append(copy_of(signature_of(root)))
        why = "peers take the first signature of the document (facts Q3)"
        yield attack(f"decoy-in-{place.lower()}", why, serialise(root), STRUCTURE)

    root = forge(tree(good))
    yield attack("body-changed", "a changed text goes unnoticed", serialise(root), INVALID)

    root = tree(good)
    part(root, "Header").append(like(root, "Extra"))
    yield attack(
        "element-added", "something unsigned rides along", serialise(root), INVALID, SCHEMA
    )

    root = tree(good)
    root.set("Extra", "1")
    yield attack("attribute-added", "something unsigned rides along", serialise(root), INVALID)

    text = good.replace(DS.encode(), b"urn:example:not-dsig#")
    why = "something that only looks like a signature is believed"
    yield attack("other-namespace", why, text, MISSING)


def references(good: bytes, victim: Identity) -> Iterator[Attack]:
    """References to less than the whole, to elsewhere, or to nothing."""
    info = certificate_xml(victim)
    whole = reference_xml()
    cases = {
        "reference-file": reference_xml(uri='URI="file:///etc/hostname"', steps=""),
        "reference-http": reference_xml(uri='URI="http://attacker.example/x"', steps=""),
        "reference-relative": reference_xml(uri='URI="other.xml"', steps=""),
        "reference-xpointer": reference_xml(uri="URI=\"#xpointer(id('b'))\""),
        "reference-root-xpointer": reference_xml(uri='URI="#xpointer(/)"'),
        "reference-without-uri": reference_xml(uri=""),
        "reference-typed-manifest": reference_xml(uri=f'URI="" Type="{DS}Manifest"'),
        "references-none": "",
        "references-two": whole + whole,
        "references-thousand": whole * 1_000,
    }
    why = "less, more or something else than the whole document is covered"
    for name, xml in cases.items():
        yield attack(name, why, filled(good, Shape(key_info=info, references=xml)), STRUCTURE)

    manifest = f'<Object><Manifest Id="m">{whole}</Manifest></Object>'
    for name, extra in {"object-manifest": manifest, "object-empty": "<Object/>"}.items():
        root = stripped(good)
        signature = signed(root, Shape(key_info=info), signing_key(victim))
        signature.append(Shape(key_info="", extra=extra).element()[-1])
        yield attack(
            name, "things ride inside the signature, uncovered", serialise(root), STRUCTURE
        )
