"""Commands about messages: inbox, show, held, parked. They ask a running gateway by its API."""

from __future__ import annotations

from typing import Any

import click

from depesha.cli import outbound, output
from depesha.cli.client import Api, api_options, segment

json_option = click.option("--json", "machine", is_flag=True, help="Print JSON.")


@click.command()
@api_options
@click.option("--state", multiple=True, help="Another state than ADMITTED; may repeat.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default="", help="Cursor: `next` of the page before.")
@json_option
def inbox(*, api: Api, state: tuple[str, ...], limit: int, after: str, machine: bool) -> None:
    """List messages that wait for registration, oldest first."""
    states = tuple(one.upper() for one in state)
    page = api.get("/inbox", state=states, limit=limit, after=after)
    if machine:
        output.as_json(page)
        return
    _messages(page["items"], empty="Nothing waits.")
    if page.get("next"):
        click.echo(f"More: --after {output.clean(page['next'])}")


@click.command()
@api_options
@click.argument("message_id", metavar="ID")
@click.option("--events", is_flag=True, help="The journey too.")
@json_option
def show(*, api: Api, message_id: str, events: bool, machine: bool) -> None:
    """Show one message, received or on its way out: state, numbers, checks or tries, files."""
    path = f"/messages/{segment(message_id)}"
    message = api.get(path)
    journey = api.get(path + "/events")["items"] if events else []
    if machine:
        output.as_json({**message, "events": journey} if events else message)
        return
    if message.get("direction") == "out":
        outbound.show_document(message)
    else:
        _one(message)
    if events:
        rows = [
            (e["sequence"], *(e["body"].get(k) for k in ("at", "kind", "actor"))) for e in journey
        ]
        output.table(("row", "at", "kind", "by"), rows, empty="No events.")


@click.group(invoke_without_command=True)
@click.pass_context
def held(context: click.Context) -> None:
    """Messages held back: list, release, refuse. Alone, it lists."""
    if context.invoked_subcommand is None:
        context.invoke(held_list)


@held.command("list")
@api_options
@json_option
def held_list(*, api: Api, machine: bool) -> None:
    """List what is held, oldest first, with the reasons."""
    page = api.get("/held")
    if machine:
        output.as_json(page)
        return
    rows = [
        (m["id"], m["received_at"], _sender(m), "; ".join(_sentences(m, "held")))
        for m in page["items"]
    ]
    output.table(("id", "received", "sender", "why"), rows, empty="Nothing is held.")


@held.command()
@api_options
@click.argument("message_id", metavar="ID")
@click.option("--reason", required=True, help="Why it may go on; stays in the evidence.")
@json_option
def release(*, api: Api, message_id: str, reason: str, machine: bool) -> None:
    """Let a held message through to the registry on your word."""
    _done(api.post(f"/messages/{segment(message_id)}/release", {"reason": reason}), machine)


@held.command()
@api_options
@click.argument("message_id", metavar="ID")
@click.option("--reason", required=True, help="The sender will read it.")
@json_option
def refuse(*, api: Api, message_id: str, reason: str, machine: bool) -> None:
    """Refuse a held or waiting message."""
    _done(api.post(f"/messages/{segment(message_id)}/refusal", {"reason": reason}), machine)


@click.group(invoke_without_command=True)
@click.pass_context
def parked(context: click.Context) -> None:
    """Work that gave up and waits for a person: list, retry. Alone, it lists."""
    if context.invoked_subcommand is None:
        context.invoke(parked_list)


@parked.command("list")
@api_options
@json_option
def parked_list(*, api: Api, machine: bool) -> None:
    """List parked tasks, and documents that wait for a person's decision, oldest first."""
    found = api.get("/parked")
    documents = api.get("/outbox", state=outbound.FOR_A_PERSON, limit=200)["items"]
    if machine:
        output.as_json({**found, "documents": documents})
        return
    keys = ("task_id", "kind", "message_id", "parked_at", "attempts", "reason")
    rows = [[task[key] for key in keys] for task in found["items"]]
    heads = ("task", "kind", "message", "parked", "tries", "why")
    output.table(heads, rows, empty="No work is parked.")
    outbound.show_waiting(documents)


@parked.command()
@api_options
@click.argument("task", type=int)
@json_option
def retry(*, api: Api, task: int, machine: bool) -> None:
    """Make a parked task due at once."""
    answer = api.post(f"/parked/{task}/retry", {})
    if machine:
        output.as_json(answer)
    else:
        click.echo(f"Task {task} is due now.")


def _messages(messages: list[dict[str, Any]], *, empty: str) -> None:
    rows = [
        (
            m["id"],
            m["state"],
            m["received_at"],
            _sender(m),
            (m.get("envelope") or {}).get("subject", ""),
            len(m.get("attachments") or ()),
            _number(m.get("number")),
        )
        for m in messages
    ]
    heads = ("id", "state", "received", "sender", "subject", "files", "number")
    output.table(heads, rows, empty=empty)


def _one(message: dict[str, Any]) -> None:
    envelope = message.get("envelope") or {}
    document = envelope.get("document") or {}
    output.pairs(
        [
            ("id", message["id"]),
            ("state", message["state"]),
            ("received", message["received_at"]),
            ("sender", _sender(message)),
            ("their number", _number(document.get("number"))),
            ("our number", _number(message.get("number"))),
            ("subject", envelope.get("subject")),
            ("kind", envelope.get("kind")),
            ("acknowledged", message.get("acknowledged_at")),
            ("reason", message.get("reason")),
            ("possible", ", ".join(message.get("possible") or ())),
        ]
    )
    files = [
        (f["index"], f["name"], f["detected"] or f["media_type"], f["size"])
        for f in message.get("attachments") or ()
    ]
    output.table(("file", "name", "type", "bytes"), files, empty="No files.")
    checks = [
        (c["check"], c["verdict"], f"{c['seconds'] * 1000:.1f}", "; ".join(_told(c)))
        for c in message.get("checks") or ()
    ]
    output.table(("check", "verdict", "ms", "why"), checks, empty="No checks.")


def _done(message: dict[str, Any], machine: bool) -> None:  # noqa: FBT001 -- a flag passed on
    if machine:
        output.as_json(message)
    else:
        click.echo(f"{output.clean(message['id'])} is {output.clean(message['state'])}.")


def _sender(message: dict[str, Any]) -> str:
    return str(((message.get("envelope") or {}).get("sender") or {}).get("name") or "?")


def _number(number: dict[str, Any] | None) -> str:
    return f"{number['number']} of {number['date']}" if number else ""


def _told(check: dict[str, Any]) -> list[str]:
    return [str(f.get("sentence") or f.get("reason")) for f in check.get("findings") or ()]


def _sentences(message: dict[str, Any], verdict: str) -> list[str]:
    checks = message.get("checks") or ()
    return [words for c in checks if c["verdict"] == verdict for words in _told(c)]
