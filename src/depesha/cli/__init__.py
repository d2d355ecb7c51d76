"""The command line: parse, call one function, print. Nothing is decided here.

Exit status: 0 done, 1 ours or a refusal, 2 wrong usage, 75 temporary or the network's (sysexits'
EX_TEMPFAIL: the same command may succeed later), 130 interrupted. Errors are one line on stderr.
Heavy libraries are imported inside the commands that need them, so that `--help` stays quick.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

from depesha import __version__
from depesha.cli.evidence import evidence, proof
from depesha.cli.instance import doctor, init, serve
from depesha.cli.keeping import backup, reconcile, restore, retention
from depesha.cli.messages import held, inbox, parked, show
from depesha.cli.moving import migrate_store
from depesha.cli.outbound import decide, explain_route, outbox
from depesha.cli.sending import send
from depesha.cli.tokens import token
from depesha.cli.trial import demo, demo_week, drill, simulate
from depesha.cli.users import user
from depesha.cli.zfo import zfo
from depesha.errors import Blame, DepeshaError

OURS, USAGE, TEMPORARY, INTERRUPTED = 1, 2, 75, 130


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
@click.version_option(__version__, prog_name="depesha")
def depesha() -> None:
    """Depesha: a secure message-exchange gateway for public administrations.

    Signed documents arrive from the networks, are checked and wait for the registry; the
    registry's number goes back by itself. Its own documents leave by the best network that
    reaches the recipient.

    \b
    See it:      depesha demo
    Set it up:   depesha init /srv/depesha, depesha doctor, depesha serve
    Use it:      depesha inbox, depesha send letter.pdf --to …, depesha parked
    """  # noqa: D301 -- click's own mark for lines to be left as they are


_EVERYDAY = (inbox, send, outbox, show, held, parked, decide, explain_route)
for _command in (
    init,
    serve,
    demo,
    demo_week,
    simulate,
    doctor,
    *_EVERYDAY,
    token,
    user,
    proof,
    evidence,
    zfo,
    backup,
    restore,
    reconcile,
    retention,
    drill,
    migrate_store,
):
    depesha.add_command(_command)


def run(arguments: Sequence[str]) -> int:
    """Run one command; return the exit status. Never lets an exception out."""
    try:
        result = depesha.main(args=list(arguments), prog_name="depesha", standalone_mode=False)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OURS
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 -- all ends in one line
        if os.environ.get("DEPESHA_TRACE"):
            traceback.print_exc()
        words, status = _ending(error)
        click.echo(f"depesha: {' '.join(words.split())}", err=True)
        return status
    return result if isinstance(result, int) else 0


def _ending(error: BaseException) -> tuple[str, int]:
    """The line and the status with which an error ends the command."""
    match error:
        case click.UsageError():
            where = error.ctx.command_path if error.ctx else "depesha"
            return f"{error.format_message()} (see {where} --help)", USAGE
        case click.ClickException():
            return error.format_message(), OURS
        case DepeshaError():
            words = f"{error.public}; {error.remedy}" if error.remedy else error.public
            waiting_helps = error.temporary or error.blame is Blame.NETWORK
            return words, TEMPORARY if waiting_helps else OURS
        case click.Abort() | KeyboardInterrupt():
            return "interrupted", INTERRUPTED
        case _:
            return f"internal error: {type(error).__name__} (DEPESHA_TRACE=1 shows where)", OURS
