"""Commands about documents on their way out: outbox, decide, explain-route. They ask the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from depesha.cli import output
from depesha.cli.client import Api, api_options, language_option, segment

FOR_A_PERSON = ("PARKED", "UNDELIVERABLE")
"""States in which nothing goes on without a person."""
DECISIONS = ("resume", "ask-again", "rule-absent", "rule-there", "return", "confirm-fallback")
FLOORS = {"registered": "REGISTERED_DELIVERY", "mail": "SIGNED_MAIL"}

json_option = click.option("--json", "machine", is_flag=True, help="Print JSON.")
floor_option = click.option(
    "--floor",
    type=click.Choice(sorted(FLOORS)),
    default="mail",
    show_default=True,
    help="The least that will do: registered delivery, or signed mail too.",
)
channel_option = click.option(
    "--channel",
    "channels",
    multiple=True,
    metavar="NETWORK",
    help="A network it may take (seos, ssev, isds, email); may repeat. Without it: all.",
)
personal_option = click.option(
    "--personal-data",
    is_flag=True,
    help="It tells personal data to a third party: it never leaves by e-mail.",
)


@click.command()
@api_options
@click.option("--state", multiple=True, help="Only this state, such as DEFERRED; may repeat.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default="", help="Cursor: `next` of the page before.")
@json_option
def outbox(*, api: Api, state: tuple[str, ...], limit: int, after: str, machine: bool) -> None:
    """List documents submitted for sending, oldest first."""
    page = api.get("/outbox", state=tuple(one.upper() for one in state), limit=limit, after=after)
    if machine:
        output.as_json(page)
        return
    rows = [
        (
            m["id"],
            m["state"],
            m["submitted_at"],
            _party(m, "recipient"),
            _number(m["document"].get("number")),
            m["network"],
            len(m["attempts"]),
            _number(m.get("number")),
        )
        for m in page["items"]
    ]
    heads = ("id", "state", "submitted", "recipient", "our number", "by", "tries", "their number")
    output.table(heads, rows, empty="Nothing was submitted.")
    if page.get("next"):
        click.echo(f"More: --after {output.clean(page['next'])}")


@click.command()
@api_options
@click.argument("message_id", metavar="ID")
@click.argument("decision", type=click.Choice(DECISIONS))
@click.option("--reason", required=True, help="Why; it is kept as evidence.")
@json_option
def decide(*, api: Api, message_id: str, decision: str, reason: str, machine: bool) -> None:
    """Decide about a document on its way out. `depesha show ID` says what is possible.

    \b
    resume            try again: earlier failures bar nothing any more
    ask-again         ask the network once more what became of an unclear try
    rule-absent       it is not there, as you found out: it may be sent again
    rule-there        it is there, as you found out: it is not sent again
    return            give it back to its author
    confirm-fallback  a later choice of network may be used
    """  # noqa: D301 -- click's own mark for lines to be left as they are
    body = {"decision": decision.replace("-", "_"), "reason": reason}
    done = api.post(f"/messages/{segment(message_id)}/decision", body)
    if machine:
        output.as_json(done)
    else:
        click.echo(f"{output.clean(done['id'])} is {output.clean(done['state'])}.")


@click.command("explain-route")
@api_options
@click.argument(
    "files", nargs=-1, metavar="[FILE]...", type=click.Path(exists=True, path_type=Path)
)
@click.option("--to", "recipient", metavar="IDENTIFIER", help="EIK of the recipient.")
@click.option("--id", "message_id", metavar="ID", help="A document that is on its way already.")
@floor_option
@channel_option
@personal_option
@language_option
@json_option
def explain_route(
    *,
    api: Api,
    files: tuple[Path, ...],
    recipient: str | None,
    message_id: str | None,
    floor: str,
    channels: tuple[str, ...],
    personal_data: bool,
    language: str | None,
    machine: bool,
) -> None:
    """Say which network a document would take now, and why no other. Sends nothing.

    Of the FILEs only name and size are told.
    """
    if (recipient is None) is (message_id is None):
        raise click.UsageError("give either --to or --id")
    body: dict[str, object] = {"id": message_id}
    if recipient is not None:
        body = {
            "recipient": {"identifier": recipient},
            "floor": FLOORS[floor],
            "channels": list(channels),
            "marks": ["PERSONAL_DATA"] if personal_data else [],
            "files": [{"name": file.name, "size": file.stat().st_size} for file in files],
        }
    if machine:
        output.as_json(api.post("/routes/explain", body))
        return
    for line in api.text("/routes/explain", body, language).splitlines():
        click.echo(output.clean(line))


def show_waiting(documents: list[dict[str, Any]]) -> None:
    """Print the documents that wait for a person."""
    rows = [
        (
            m["id"],
            m["state_name"],
            m["changed_at"],
            _party(m, "recipient"),
            ", ".join(m["possible"]),
        )
        for m in documents
    ]
    heads = ("document", "state", "since", "recipient", "possible")
    output.table(heads, rows, empty="No document waits for a decision.")


def show_document(message: dict[str, Any]) -> None:
    """Print one document on its way out."""
    document = message.get("document") or {}
    output.pairs(
        [
            ("id", message["id"]),
            ("state", f"{message['state']} ({message['state_name']})"),
            ("submitted", f"{message['submitted_at']} by {message['submitted_by']}"),
            ("recipient", _party(message, "recipient")),
            ("our number", _number(document.get("number"))),
            ("their number", _number(message.get("number"))),
            ("document", document.get("guid")),
            ("subject", message.get("subject")),
            ("kind", message.get("kind")),
            ("handed over", message.get("handed_over_at")),
            ("next try", message.get("next_try_at")),
            ("answer until", message.get("deadline")),
            ("expected close", message.get("expected_close")),
            ("reason", message.get("reason")),
            ("possible", ", ".join(message.get("possible") or ())),
        ]
    )
    for defect in message.get("defects") or ():
        click.echo(output.clean(f"defect: {defect['sentence']} {defect['remedy']}"))
    heads = ("try", "network", "begun", "ended", "outcome", "code")
    keys = ("number", "network", "intended_at", "settled_at", "outcome", "code")
    tries = [[one.get(key) for key in keys] for one in message.get("attempts") or ()]
    output.table(heads, tries, empty="No tries yet.")
    _route(message.get("route"))
    files = [
        (f["index"], f["name"], f["detected"] or f["media_type"], f["size"])
        for f in message.get("attachments") or ()
    ]
    output.table(("file", "name", "type", "bytes"), files, empty="No files.")


def _route(route: dict[str, Any] | None) -> None:
    if route is None:
        return
    click.echo(output.clean(f"last plan: {route['step']}"))
    for line in route["lines"]:
        told = "; ".join(line["reasons"])
        click.echo(output.clean(f"  {line['rank']}. {line['network']}: {line['verdict']} {told}"))


def _party(message: dict[str, Any], key: str) -> str:
    party = message.get(key) or {}
    return f"{party.get('name') or '?'} ({party.get('identifier', '?')})"


def _number(number: dict[str, Any] | None) -> str:
    return f"{number['number']} of {number['date']}" if number else ""
