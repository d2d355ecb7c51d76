"""Commands about ZFO files, the sealed papers of ISDS: show, verify, export; wholly offline."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from depesha.cli import output
from depesha.errors import StorageError, WireError

if TYPE_CHECKING:
    from datetime import datetime

    from depesha.adapters.isds.parts import StampFacts
    from depesha.adapters.isds.values import PaperContent

_json = click.option("--json", "machine", is_flag=True, help="Print JSON.")
_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))

PARTS = {
    "CONTAINER": "the file itself: it is no sealed paper, or it is damaged",
    "SIGNATURE": "the signature of ISDS: it does not belong to this paper",
    "SIGNED_ATTRIBUTES": "what was signed beside the content, such as the time of sealing",
    "CONTENT": "the content: it was changed after it was sealed",
    "STAMP": "the time stamp of the seal",
    "CHAIN": "the certificate of the seal: no trusted authority stands behind it",
    "PAPER": "the paper inside: it is not laid out as ISDS writes it",
    "HASH": "the fingerprint of the message: it is not that of the message inside",
    "MESSAGE_STAMP": "the time stamp of the submission",
}
"""What a clerk is told of a broken part, by `adapters.isds.parts.Part`."""
KINDS = {
    "message": "received message",
    "SentMessage": "sent message",
    "delivery": "delivery information",
}

STATES = {
    1: "(submitted)",
    2: "(time-stamped)",
    3: "(malware found, not delivered)",
    4: "(in the recipient's box)",
    5: "(delivered: ten days passed)",
    6: "(delivered: the recipient logged in)",
    7: "(read)",
    8: "(undeliverable: the box was closed)",
    9: "(content erased)",
    10: "(in the vault)",
}


@click.group()
def zfo() -> None:
    """ZFO files of Czech data boxes: show, verify, export. No network is asked."""


@zfo.command()
@_file
@_json
def show(*, file: Path, machine: bool) -> None:
    """Show what a ZFO says: envelope, attachments, times, events. Nothing of it is checked."""
    with _opened(file) as paper:
        if machine:
            output.as_json(_view(paper))
            return
        output.pairs(_words(paper))
        rows = [(f.index, f.name, f.meta_type, f.media_type, f.stored.size) for f in paper.files]
        if paper.kind != "delivery":
            heads = ("no", "name", "part", "type", "bytes")
            output.table(heads, rows, empty="No attachments.")
        events = [(_time(event.at), event.text) for event in paper.events]
        if events:
            output.table(("at", "event"), events, empty="")


@zfo.command()
@_file
@click.option(
    "--trusted",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="CA.pem",
    help="Authorities that seal and stamps must lead to; may repeat. Without, nobody is trusted "
    "and the chain is not judged.",
)
@_json
def verify(*, file: Path, trusted: tuple[Path, ...], machine: bool) -> int:
    """Verify seal, time stamps and fingerprint of a ZFO. Exit status 1 where a part is broken."""
    from depesha.adapters.isds.papers import verified
    from depesha.adapters.system import SystemClock

    now = SystemClock().now()
    with _folder() as folder:
        checked = verified(file, folder, [_bytes(one) for one in trusted], now)
    flaws = [(flaw.part.value, flaw.rule) for flaw in checked.flaws]
    number = checked.content.words.dm_id if checked.content is not None else ""
    if machine:
        told = {
            "genuine": checked.genuine,
            "trusted": bool(trusted),
            "message": number,
            "broken": [{"part": part, "rule": rule, "words": PARTS[part]} for part, rule in flaws],
            "algorithm": checked.algorithm,
            "sealed_by": checked.certificate.subject if checked.certificate else "",
            "sealed_at": _stamp(checked.stamp) or _time(checked.signing_time),
            "submitted_at": _stamp(checked.message_stamp),
        }
        output.as_json(told)
        return 0 if checked.genuine else 1
    output.pairs(
        (
            ("message", number),
            ("sealed by", checked.certificate.subject if checked.certificate else ""),
            ("sealed at", _stamp(checked.stamp) or _time(checked.signing_time)),
            ("seal stamped by", checked.stamp.authority.subject if checked.stamp else ""),
            ("submitted at", _stamp(checked.message_stamp)),
            ("algorithm", checked.algorithm),
        )
    )
    for part, rule in flaws:
        click.echo(f"Broken: {PARTS[part]} ({part}: {rule}).")
    if flaws:
        return 1
    if trusted:
        click.echo("Genuine: sealed by ISDS as your authorities vouch, and nothing was changed.")
    else:
        click.echo("Nothing was changed since it was sealed; --trusted says whose seal it must be.")
    return 0


@zfo.command()
@_file
@click.option(
    "--into",
    "target",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Where the attachments go; made where it is missing.",
)
@_json
def export(*, file: Path, target: Path, machine: bool) -> None:
    """Write the attachments of a ZFO to a folder, under names that harm nothing.

    No file that is there already is ever replaced.
    """
    from depesha.adapters.isds.papers import exported

    with _opened(file) as paper:
        written = exported(paper, target)
    if machine:
        output.as_json([{"file": str(path), "bytes": size} for path, size in written])
        return
    for path, size in written:
        click.echo(f"{output.clean(path)}: {size} bytes")
    if not written:
        click.echo("No attachments.")


# --- helpers -------------------------------------------------------------------------------------


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="depesha-zfo-") as name:
        yield Path(name)


@contextmanager
def _opened(file: Path) -> Iterator[PaperContent]:
    from depesha.adapters.isds.papers import opened

    with _folder() as folder:
        try:
            paper = opened(file, folder)
        except WireError as error:
            raise WireError(f"{file.name} cannot be read as a ZFO: {error.public}") from error
        yield paper


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path.name} cannot be read") from error


def _words(paper: PaperContent) -> list[tuple[str, object]]:
    words = paper.words
    own = {True: "yes", False: "no", None: ""}
    return [
        ("paper", KINDS[paper.kind.value] + (", big message" if paper.big else "")),
        ("message", words.dm_id),
        ("subject", words.subject),
        ("from", _whom(words.sender_name, words.sender_box)),
        ("address", words.sender_address),
        ("to", _whom(words.recipient_name, words.recipient_box)),
        ("attention of", words.to_hands),
        ("their number", words.sender_reference),
        ("their file", words.sender_mark),
        ("our number", words.recipient_reference),
        ("our file", words.recipient_mark),
        ("own hands", own[words.personal_delivery]),
        ("fiction", own[words.fiction_allowed]),
        ("delivered", _time(paper.delivered_at)),
        ("accepted", _time(paper.accepted_at)),
        ("state", "" if paper.state is None else f"{paper.state} {STATES.get(paper.state, '')}"),
    ]


def _view(paper: PaperContent) -> dict[str, object]:
    from dataclasses import asdict

    files = [
        {
            "index": f.index,
            "name": f.name,
            "part": f.meta_type,
            "type": f.media_type,
            "bytes": f.stored.size,
            "sha256": f.stored.digest,
        }
        for f in paper.files
    ]
    return {
        "paper": paper.kind.value,
        "big": paper.big,
        **asdict(paper.words),
        "delivered_at": _time(paper.delivered_at),
        "accepted_at": _time(paper.accepted_at),
        "state": paper.state,
        "hash": f"{paper.hash_algorithm}:{paper.hash_declared.hex()}",
        "files": files,
        "events": [{"at": _time(event.at), "event": event.text} for event in paper.events],
    }


def _whom(name: str, box: str) -> str:
    return f"{name} ({box})" if box else name


def _time(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat(timespec="seconds")


def _stamp(stamp: StampFacts | None) -> str:
    return "" if stamp is None else _time(stamp.at)
