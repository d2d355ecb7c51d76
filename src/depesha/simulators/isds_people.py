"""Boxes and log-ins of the simulated ISDS: who may enter as whom, and the directory.

A log-in is locked for an hour after five wrong passwords in a row, and then even the right one
is refused. It knows nothing of messages.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Final

from depesha.ports import Clock
from depesha.simulators.isds_values import (
    SYSTEM_BOX,
    Box,
    BoxKind,
    BoxState,
    Caller,
    Login,
    LoginKind,
    Right,
)

WRONG_PASSWORDS: Final = 5
"""In a row, before a log-in is locked."""
LOCKED: Final = timedelta(minutes=60)
"""How long it stays locked (facts 1.5)."""
_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_FAMILIES: Final = {"OVM": "OVM", "PO": "PO", "PFO": "PFO", "FO": "FO"}
_BASIC: Final = {"OVM_MAIN": BoxKind.OVM, "PO_BASE": BoxKind.PO, "PFO_BASE": BoxKind.PFO}


class NotLetInError(Exception):
    """The log-in is not let in: HTTP 401 whatever the reason."""


class People:
    """All boxes and log-ins."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._boxes: dict[str, Box] = {}
        self._logins: list[Login] = []
        self.system = self.add(
            "Informační systém datových schránek", BoxKind.SYSTEM, box_id=SYSTEM_BOX
        )

    def add(
        self,
        name: str,
        kind: BoxKind = BoxKind.OVM,
        *,
        box_id: str = "",
        ic: str = "",
        ovm_id: str = "",
        state: BoxState = BoxState.ACCESSIBLE,
        effective_ovm: bool = False,
        open_addressing: bool = False,
    ) -> Box:
        """Make a box; its id is derived from the number of boxes where none is given."""
        box = Box(
            box_id=box_id or _box_id(len(self._boxes)),
            kind=kind,
            name=name,
            ic=ic,
            ovm_id=ovm_id,
            state=state,
            effective_ovm=effective_ovm,
            open_addressing=open_addressing,
        )
        self._boxes[box.box_id] = box
        return box

    def admit(
        self,
        box: Box,
        name: str,
        password: str,
        *,
        rights: Right = Right.GATEWAY,
        primary: bool = True,
        certificate: bytes = b"",
        expires_at: datetime | None = None,
    ) -> Login:
        """Let a user in by password; with a DER certificate only by both together."""
        login = Login(
            kind=LoginKind.BOTH if certificate else LoginKind.PASSWORD,
            name=name,
            boxes=(box.box_id,),
            password=password,
            certificate=_fingerprint(certificate),
            rights=rights,
            primary=primary,
            expires_at=expires_at,
        )
        self._logins.append(login)
        return login

    def change_password(self, name: str, password: str) -> None:
        """Give a user another password; earlier failures are forgotten."""
        for login in self._logins:
            if login.name == name:
                login.password, login.failures, login.locked_until = password, 0, None

    def admit_certificate(
        self, box: Box, certificate: bytes, *, rights: Right = Right.GATEWAY
    ) -> Login:
        """Register a system certificate (DER) of a box's own records service."""
        return self._certified(LoginKind.CERTIFICATE, (box,), certificate, rights)

    def admit_hosted(
        self, boxes: tuple[Box, ...], certificate: bytes, *, rights: Right = Right.GATEWAY
    ) -> Login:
        """Register a certificate (DER) of a hosted records service for many boxes."""
        return self._certified(LoginKind.HOSTED, boxes, certificate, rights)

    def _certified(
        self, kind: LoginKind, boxes: tuple[Box, ...], certificate: bytes, rights: Right
    ) -> Login:
        login = Login(
            kind=kind,
            name=f"{kind}{len(self._logins)}",
            boxes=tuple(box.box_id for box in boxes),
            certificate=_fingerprint(certificate),
            rights=rights,
        )
        self._logins.append(login)
        return login

    def enter(
        self, kind: LoginKind, user: str | None, password: str, certificate: bytes | None
    ) -> Caller:
        """Let a request in by what it showed; raises `NotLetInError`."""
        shown = _fingerprint(certificate or b"")
        if kind.by_application:
            return self._by_certificate(kind, shown, user, password)
        login = next((x for x in self._logins if x.kind is kind and x.name == user), None)
        if login is None:
            raise NotLetInError
        now = self._clock.now()
        if login.locked_until is not None and now < login.locked_until:
            raise NotLetInError
        self._judge(login, password, now)
        if login.kind is LoginKind.BOTH and not hmac.compare_digest(shown, login.certificate):
            raise NotLetInError
        if login.expires_at is not None and now >= login.expires_at:
            raise NotLetInError
        return Caller(login=login, box=self._boxes[login.boxes[0]])

    def _judge(self, login: Login, password: str, now: datetime) -> None:
        if hmac.compare_digest(password.encode(), login.password.encode()):
            login.failures, login.locked_until = 0, None
            return
        login.failures += 1
        if login.failures >= WRONG_PASSWORDS:
            login.failures, login.locked_until = 0, now + LOCKED
        raise NotLetInError

    def _by_certificate(
        self, kind: LoginKind, shown: bytes, user: str | None, password: str
    ) -> Caller:
        for login in self._logins:
            if login.kind is not kind or not shown:
                continue
            if hmac.compare_digest(shown, login.certificate):
                wanted = login.boxes[0] if kind is LoginKind.CERTIFICATE else user
                if wanted not in login.boxes or (kind is LoginKind.HOSTED and password):
                    raise NotLetInError
                return Caller(login=login, box=self._boxes[wanted])
        raise NotLetInError

    def box(self, box_id: str) -> Box | None:
        """Return a box."""
        return self._boxes.get(box_id)

    def has_reader(self, box_id: str) -> bool:
        """Tell whether anybody could accept messages there by logging in."""
        return any(box_id in login.boxes and Right.READ in login.rights for login in self._logins)

    def all(self) -> list[Box]:
        """Return every box a search may find."""
        return [box for box in self._boxes.values() if box.kind is not BoxKind.SYSTEM]


def of_scope(box: Box, scope: str) -> bool:
    """Tell whether a box belongs to a scope: a family, a basic type or one type (facts 5.3.1)."""
    if scope in {"", "ALL"}:
        return True
    if scope in _BASIC:
        return box.kind is _BASIC[scope]
    if scope in _FAMILIES:
        return box.kind.name == scope or box.kind.name.startswith(f"{scope}_")
    return box.kind.name == scope


def _fingerprint(certificate: bytes) -> bytes:
    return hashlib.sha256(certificate).digest() if certificate else b""


def _box_id(number: int) -> str:
    """Seven characters that differ by number; the real check character is not known."""
    digits = []
    for _ in range(6):
        number, rest = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[rest])
    return "q" + "".join(reversed(digits))
