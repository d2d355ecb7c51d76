"""The command that sends a document: makes the form, streams it, and waits if asked to."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from depesha.cli import output
from depesha.cli.client import Api, RefusedError, api_options, segment
from depesha.cli.form import Form, digest_of
from depesha.cli.outbound import (
    FLOORS,
    FOR_A_PERSON,
    channel_option,
    floor_option,
    json_option,
    personal_option,
)
from depesha.errors import PeerError

if TYPE_CHECKING:
    from datetime import datetime

    from depesha.ports import Clock

ANSWERED = frozenset({"REGISTERED", "STOPPED", "CLOSED"})
UNANSWERED = frozenset({*FOR_A_PERSON, "DECLINED", "RETURNED"})
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_QUIET_SECONDS = 2.0
"""Progress is shown for what takes longer."""
_LOOK_SECONDS = 1.0


@click.command()
@api_options
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--to", "recipient", required=True, metavar="IDENTIFIER", help="EIK of the body.")
@click.option("--number", required=True, help="Registration number of the document.")
@click.option("--date", "day", required=True, type=click.DateTime(["%Y-%m-%d"]), help="Its day.")
@click.option("--subject", required=True, help="Short content.")
@click.option("--kind", required=True, help="Letter, order, … in your own words.")
@click.option("--text", default="", help="Covering words, for networks that carry a letter.")
@click.option("--scan-instead", default="", help="Why no file is signed and a scan goes instead.")
@personal_option
@floor_option
@channel_option
@click.option("--key", help="Idempotency key. Without it, one is made of words and files.")
@click.option("--wait", is_flag=True, help="Wait for the recipient's number or refusal.")
@click.option(
    "--seconds",
    type=click.IntRange(1, 7 * 24 * 3600),
    default=600,
    show_default=True,
    help="How long --wait waits.",
)
@json_option
def send(
    *,
    api: Api,
    files: tuple[Path, ...],
    day: datetime,
    key: str | None,
    wait: bool,
    seconds: int,
    machine: bool,
    **said: Any,
) -> int:
    """Submit FILEs as one registered document, to be sent by the best network.

    \b
    depesha send letter.pdf --to 000000002 --number 12-34 --date 2026-03-02 \\
        --subject "Request for data" --kind letter

    The same command again is the same document, not a second one: after a break just repeat it.
    With --wait, exit status 1 where a person is needed, 75 where the time is up.
    """  # noqa: D301 -- click's own mark for lines to be left as they are
    from depesha.adapters.system import SystemClock

    if key is not None and not _KEY.fullmatch(key):
        raise click.UsageError("--key takes 1 to 255 visible ASCII characters")
    clock = SystemClock()
    words = _words(day, **said)
    try:
        digest = digest_of(words, files)
        form = Form(words, files, digest, _Progress(clock).told)
        taken = api.upload("/messages", form, {"Idempotency-Key": key or f"cli-{digest}"})
    except OSError as error:
        raise click.FileError(str(error.filename or "file"), hint=error.strerror) from None
    if not wait:
        if machine:
            output.as_json(taken)
        else:
            click.echo(output.clean(taken["id"]))
        return 0
    return _followed(api, str(taken["id"]), clock, seconds, machine=machine)


def _words(
    day: datetime,
    *,
    recipient: str,
    number: str,
    subject: str,
    kind: str,
    text: str,
    scan_instead: str,
    personal_data: bool,
    floor: str,
    channels: tuple[str, ...],
) -> dict[str, Any]:
    return {
        "recipient": {"identifier": recipient},
        "document": {"number": number, "date": day.date().isoformat()},
        "subject": subject,
        "kind": kind,
        "text": text,
        "scan_instead": scan_instead,
        "marks": ["PERSONAL_DATA"] if personal_data else [],
        "floor": FLOORS[floor],
        "channels": list(channels),
    }


class _Progress:
    """Tells a person, and nobody else, how far a long upload is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._shown = False

    def told(self, sent: int, total: int) -> None:
        """Show how far it is, once it takes long."""
        if not sys.stderr.isatty() or self._clock.monotonic() - self._began < _QUIET_SECONDS:
            return
        percent = 100 * sent // max(total, 1)
        whole = total / 2**20
        end = sent >= total
        click.echo(f"\rSending: {percent:3} % of {whole:.1f} MiB", err=True, nl=end)


def _followed(api: Api, identity: str, clock: Clock, seconds: int, *, machine: bool) -> int:
    """Look again and again until the recipient answered, a person is needed, or time is up."""
    end, last = clock.monotonic() + seconds, ""
    while True:
        message = api.get(f"/messages/{segment(identity)}")
        state = str(message["state"])
        if state != last and not machine:
            click.echo(f"{output.clean(identity)} is {output.clean(state)}.", err=True)
        last = state
        if state in ANSWERED | UNANSWERED:
            break
        if clock.monotonic() >= end:
            raise PeerError(f"{identity} is still {state}; it goes on by itself")
        asyncio.run(clock.sleep(_LOOK_SECONDS))
    if machine:
        output.as_json(message)
    elif number := message.get("number"):
        click.echo(output.clean(f"{number['number']} of {number['date']}"))
    if state in UNANSWERED:
        raise RefusedError(f"{identity} is {state}: {message.get('reason') or 'see depesha show'}")
    return 0
