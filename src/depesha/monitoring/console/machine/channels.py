"""The pages of the networks: how each stands, a test of its connection, pausing and resuming.

Every deed is a POST behind a page that says its effect; a pause is kept in the notebook with its
evidence in one transaction, and the gateway heeds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from depesha.errors import ConflictError, RuleError, UnknownMessageError
from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.machine.acts import colleague, digest_of, operated, words_of
from depesha.monitoring.console.machine.channels_view import (
    ChannelView,
    channel_view,
    failing_peers,
    span,
    ways_of,
)
from depesha.monitoring.console.machine.testing import Tester
from depesha.schemas.notes import Area
from depesha.schemas.pauses import (
    REASON_CHARACTERS,
    Pause,
    Way,
    load_pauses,
    pause_bytes,
)
from depesha.schemas.people import Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.machine.channels_view import WayLine
    from depesha.monitoring.console.machine.parts import ChannelSetup, MachineParts
    from depesha.monitoring.console.pages.looking import Looks

_REFUSED = 400
DONE = frozenset({"paused", "resumed"})


class ChannelPages:
    """Handlers of the networks' pages."""

    def __init__(self, parts: MachineParts, looks: Looks) -> None:
        self._in = parts
        self._looks = looks
        self._tester = Tester(parts)

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of these pages."""
        see, operate = Action.SEE_STATE, Action.OPERATE
        one = "/channels/{network}"
        return (
            Route(method="GET", path="/channels", handler=self.list, needs=see),
            Route(method="GET", path=one, handler=self.show, needs=see),
            Route(method="GET", path=f"{one}/test", handler=self.ask_test, needs=operate),
            Route(method="POST", path=f"{one}/test", handler=self.test, needs=operate),
            Route(method="GET", path=f"{one}/pause/{{way}}", handler=self.ask, needs=operate),
            Route(method="POST", path=f"{one}/pause/{{way}}", handler=self.pause, needs=operate),
            Route(method="GET", path=f"{one}/resume/{{way}}", handler=self.ask, needs=operate),
            Route(method="POST", path=f"{one}/resume/{{way}}", handler=self.resume, needs=operate),
        )

    # --- reading ---

    async def list(self, visit: Visit) -> web.StreamResponse:
        """Show every network in the order of choice."""
        await self._looks.note(visit, "channels")
        views = await self._views(visit, self._in.setups)
        return await self._in.pages.pages.show(
            visit, "channels.html", views=views, tell=self._in.tell(visit)
        )

    async def show(self, visit: Visit) -> web.StreamResponse:
        """Show one network."""
        setup = self._setup(visit)
        await self._looks.note(visit, "channel")
        (view,) = await self._views(visit, (setup,))
        letters = self._in.letters if setup.network == "email" else None
        left = () if letters is None else await letters.left()
        done = visit.request.query.get("done", "")
        return await self._in.pages.pages.show(
            visit,
            "channel.html",
            view=view,
            left=len(left),
            done=done if done in DONE else "",
            tests=setup.network in self._in.channels,
            tell=self._in.tell(visit),
        )

    async def _views(self, visit: Visit, setups: Sequence[ChannelSetup]) -> tuple[ChannelView, ...]:
        parts, tell = self._in, self._in.tell(visit)
        home = await parts.pages.overview.home(parts.pages.midnight(visit.now), 1)
        strips = {strip.network: strip for strip in home.strips}
        pauses, health = await self._pauses(), parts.health()
        sees = visit.may(Action.SEE_SUBJECT)
        return tuple(
            channel_view(
                setup,
                strips.get(setup.network),
                pauses,
                failing_peers(health, setup.network, parts.directories, sees=sees),
                tell,
            )
            for setup in setups
        )

    async def _pauses(self) -> tuple[Pause, ...]:
        return load_pauses(await self._in.notebook.read(Area.PAUSES))

    def _setup(self, visit: Visit) -> ChannelSetup:
        name = visit.request.match_info["network"]
        found = next((one for one in self._in.setups if one.network == name), None)
        if found is None:
            raise UnknownMessageError("no such network is set up")
        return found

    # --- testing ---

    async def ask_test(self, visit: Visit) -> web.StreamResponse:
        """Say what a test does."""
        setup = self._tested(visit)
        return await self._in.pages.pages.show(
            visit,
            "channel_test.html",
            setup=setup,
            verdict=None,
            names=(),
            tell=self._in.tell(visit),
        )

    async def test(self, visit: Visit) -> web.StreamResponse:
        """Test the connection, write down what was found, and show it."""
        setup, parts = self._tested(visit), self._in
        verdict = await self._tester.test(setup.network)
        row = operated(
            visit, "tested", network=setup.network, report=verdict.fault, code=verdict.answer.code
        )
        await parts.pages.journal.record(row)
        sees = visit.may(Action.SEE_SUBJECT)
        names = failing_peers(parts.health(), setup.network, parts.directories, sees=sees)
        return await parts.pages.pages.show(
            visit,
            "channel_test.html",
            setup=setup,
            verdict=verdict,
            names=names[:20],
            tell=parts.tell(visit),
        )

    def _tested(self, visit: Visit) -> ChannelSetup:
        setup = self._setup(visit)
        if setup.network not in self._in.channels:
            raise UnknownMessageError("nothing is sent by this network")
        return setup

    # --- pausing ---

    async def ask(self, visit: Visit) -> web.StreamResponse:
        """Say what pausing or resuming does."""
        return await self._form(visit)

    async def pause(self, visit: Visit) -> web.StreamResponse:
        """Let one way of a network rest."""
        line = await self._line(visit)
        if line.pause is not None:
            raise ConflictError("it rests already")
        setup, name = self._setup(visit), colleague(visit)
        try:
            reason = words_of(visit, "reason", REASON_CHARACTERS, needed=True)
        except RuleError as error:
            return await self._form(visit, f"rule.{error.rule}")
        made = Pause(
            network=setup.network,
            way=line.way,
            since=visit.now,
            login=visit.login,
            name=name,
            reason=reason,
            onward=line.way is Way.SENDING and visit.form.get("onward") == "yes",
        )
        row = operated(
            visit,
            f"paused-{line.way}",
            network=made.network,
            onward="yes" if made.onward else "",
            reason=digest_of(reason),
        )
        if not await self._in.notebook.add(Area.PAUSES, made.key, pause_bytes(made), row):
            raise ConflictError("it rests already")
        return self._back(visit, "paused")

    async def resume(self, visit: Visit) -> web.StreamResponse:
        """Let it work again."""
        line = await self._line(visit)
        if line.pause is None:
            raise ConflictError("it does not rest")
        row = operated(visit, f"resumed-{line.way}", network=line.pause.network)
        await self._in.notebook.write(Area.PAUSES, line.pause.key, None, row)
        return self._back(visit, "resumed")

    async def _form(self, visit: Visit, fault: str = "") -> web.StreamResponse:
        setup, line = self._setup(visit), await self._line(visit)
        resuming = "/resume/" in visit.request.path
        tell = self._in.tell(visit)
        return await self._in.pages.pages.show(
            visit,
            "channel_pause.html",
            status=_REFUSED if fault else 200,
            setup=setup,
            line=line,
            deed="resume" if resuming else "pause",
            settled=resuming is not (line.pause is not None),
            soon=span(self._in.look_again.total_seconds(), tell),
            fault=fault,
            typed=visit.form.get("reason", ""),
            onward=visit.form.get("onward") == "yes",
            most=REASON_CHARACTERS,
            tell=tell,
        )

    async def _line(self, visit: Visit) -> WayLine:
        """Return the way of the address; raise `UnknownMessageError` where it can never rest."""
        setup, asked = self._setup(visit), visit.request.match_info["way"]
        for line in ways_of(setup, await self._pauses()):
            if line.way == asked and (line.can_rest or line.pause is not None):
                return line
        raise UnknownMessageError("this cannot be paused")

    def _back(self, visit: Visit, done: str) -> web.StreamResponse:
        target = f"/channels/{self._setup(visit).network}?done={done}"
        return web.Response(status=303, headers={"Location": target})
