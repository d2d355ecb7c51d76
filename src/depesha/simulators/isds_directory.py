"""Services df and DsManage of the simulated ISDS: the directory, and what a log-in is (facts 5.3).

The index is always fresh, unlike the real one. Refusals are raised.
"""

from __future__ import annotations

import hmac
import re
from typing import Final

from depesha.simulators.isds_people import of_scope
from depesha.simulators.isds_pieces import Pen
from depesha.simulators.isds_reading import Call
from depesha.simulators.isds_reply import Operation, Reply, demand
from depesha.simulators.isds_state import IsdsState
from depesha.simulators.isds_values import Box, BoxState, Caller, Right
from depesha.simulators.isds_words import WORDS, RefusalError

CUT: Final = 100
"""Results of FindDataBox2 before the list is cut (0003)."""
PAGE: Final = 50
PAGE_MOST: Final = 100
PAGES_MOST: Final = 99
_NAME: Final = 3
_WORDS: Final = 2
_ICO: Final = re.compile(r"[0-9]{1,8}")
_BOX_ID: Final = re.compile(r"[a-z0-9]{7}")
_PASSWORD: Final = range(8, 33)
_MARKS: Final = ("|$*HL_START*$|", "|$*HL_END*$|")
_AFTER_KIND: Final = (
    "ic pnGivenNames pnLastName firmName biDate biCity biCounty biState adCode adCity adDistrict "
    "adStreet adNumberInStreet adNumberInMunicipality adZipCode adState nationality dbIdOVM"
)


class Directory:
    """The operations of `df` and `DsManage`, by name."""

    def __init__(self, state: IsdsState) -> None:
        self._state = state
        self._people = state.people
        self.search: dict[str, Operation] = {
            "CheckDataBox": self._check,
            "FindDataBox2": self._find,
            "ISDSSearch3": self._full_text,
            "PDZSendInfo": self._paid,
        }
        self.access: dict[str, Operation] = {
            "GetOwnerInfoFromLogin2": self._owner,
            "GetPasswordInfo": self._password,
            "ChangeISDSPassword": self._change_password,
        }

    def _check(self, caller: Caller, call: Call) -> Reply:
        demand(caller, Right.SEARCH)
        wanted = call.text("dbID") or ""
        if not _BOX_ID.fullmatch(wanted):
            raise RefusalError("1007")
        box = self._people.box(wanted)
        if box is None:
            raise RefusalError("5001")
        pen = Pen()
        pen.add("p:dbState", box.state.shown)
        return Reply(inner=pen.done())

    def _find(self, caller: Caller, call: Call) -> Reply:
        demand(caller, Right.SEARCH)
        sought = call.child("dbOwnerInfo")
        if sought is None:
            raise RefusalError("2010")
        scope = sought.text("dbType") or ""
        if not scope and not sought.text("dbID"):
            raise RefusalError("1101")
        name = sought.text("firmName") or sought.text("pnLastName") or ""
        if 0 < len(name) < _NAME:
            raise RefusalError("1180")
        wanted = {name: sought.text(name) for name in ("dbID", "ic", "dbIdOVM", "adCity")}
        found = [
            box
            for box in self._people.all()
            if of_scope(box, scope) and name.casefold() in box.name.casefold() and _has(box, wanted)
        ]
        return self._found(caller, found)

    @staticmethod
    def _found(caller: Caller, found: list[Box]) -> Reply:
        if not found:
            raise RefusalError("0002")
        if len(found) > 1 and not caller.box.is_ovm:
            raise RefusalError("1109")
        code = "0003" if len(found) > CUT else "0000"
        pen = Pen()
        pen.open("p:dbResults")
        for box in found[:CUT]:
            _owner(pen, box)
        pen.close("p:dbResults")
        return Reply(inner=pen.done(), code=code, words=WORDS[code])

    def _full_text(self, caller: Caller, call: Call) -> Reply:
        demand(caller, Right.SEARCH)
        text = (call.text("searchText") or "").strip()
        if len(text) < _WORDS:
            raise RefusalError("1180")
        page, size = call.integer("page") or 0, call.integer("pageSize") or PAGE
        if page > PAGES_MOST:
            raise RefusalError("1189")
        if not 0 < size <= PAGE_MOST:
            raise RefusalError("1156")
        scope = call.text("searchScope") or "ALL"
        kind = call.text("searchType") or "GENERAL"
        if kind == "ICO" and not _ICO.fullmatch(text):
            raise RefusalError("1154")
        matching = [b for b in self._people.all() if of_scope(b, scope) and _matches(b, kind, text)]
        return self._page(caller, matching, page, size, text if call.flag("highlighting") else "")

    @staticmethod
    def _page(caller: Caller, matching: list[Box], page: int, size: int, marked: str) -> Reply:
        found = matching[page * size : (page + 1) * size]
        pen = Pen()
        pen.add("p:totalCount", len(matching))
        pen.add("p:currentCount", len(found))
        pen.add("p:position", page * size)
        pen.add("p:lastPage", (page + 1) * size >= len(matching))
        pen.open("p:dbResults")
        for box in found:
            pen.open("p:dbResult")
            pen.add("p:dbID", box.box_id)
            pen.add("p:dbType", box.kind.name)
            pen.add("p:dbName", _highlighted(box.name, marked))
            pen.add("p:dbAddress", box.address)
            pen.add("p:dbBiDate", None)
            pen.add("p:dbICO", box.ic or None)
            pen.add("p:dbIdOVM", box.ovm_id or None)
            pen.add("p:dbSendOptions", _send_options(caller.box, box))
            pen.close("p:dbResult")
        pen.close("p:dbResults")
        code = "0000" if matching else "0002"
        return Reply(inner=pen.done(), code=code, words=WORDS[code])

    def _paid(self, caller: Caller, call: Call) -> Reply:
        box = self._people.box(call.text("dbId") or "")
        if box is None:
            raise RefusalError("5001")
        pen = Pen()
        pen.add("p:PDZsiResult", _send_options(caller.box, box) in {"ALL", "PDZ"})
        return Reply(inner=pen.done())

    def _owner(self, caller: Caller, _call: Call) -> Reply:
        pen = Pen()
        _owner(pen, caller.box)
        return Reply(inner=pen.done())

    def _password(self, caller: Caller, _call: Call) -> Reply:
        pen = Pen(zulu=self._state.oddity.quirks.zulu)
        pen.add("p:pswExpDate", caller.login.expires_at)
        return Reply(inner=pen.done())

    def _change_password(self, caller: Caller, call: Call) -> Reply:
        old, new = call.text("dbOldPassword") or "", call.text("dbNewPassword") or ""
        if not hmac.compare_digest(old.encode(), caller.login.password.encode()):
            raise RefusalError("1090")
        if len(new) not in _PASSWORD:
            raise RefusalError("1066")
        if hmac.compare_digest(old.encode(), new.encode()):
            raise RefusalError("1067")
        if new in {new.lower(), new.upper()} or not any(c.isdigit() for c in new):
            raise RefusalError("1080")
        caller.login.password = new
        return Reply()


def _owner(pen: Pen, box: Box) -> None:
    """Write a box's owner (facts 5.3.1)."""
    known = {
        "ic": box.ic,
        "firmName": box.name,
        "adCity": box.city,
        "adStreet": box.street,
        "adNumberInMunicipality": box.number,
        "adZipCode": box.post_code,
        "adState": "CZ",
        "dbIdOVM": box.ovm_id,
    }
    pen.open("p:dbOwnerInfo")
    pen.add("p:dbID", box.box_id)
    pen.add("p:aifoIsds", value=False)
    pen.add("p:dbType", box.kind.name)
    for name in _AFTER_KIND.split():
        pen.add(f"p:{name}", known.get(name) or None)
    pen.add("p:dbState", box.state.shown)
    pen.add("p:dbOpenAddressing", box.open_addressing)
    pen.add("p:dbUpperID", box.superior or None)
    pen.close("p:dbOwnerInfo")


def _has(box: Box, wanted: dict[str, str | None]) -> bool:
    own = {"dbID": box.box_id, "ic": box.ic, "dbIdOVM": box.ovm_id, "adCity": box.city}
    return all(value is None or own[name] == value for name, value in wanted.items())


def _matches(box: Box, kind: str, text: str) -> bool:
    words = text.casefold().split()
    match kind:
        case "ICO":
            return box.ic == text
        case "IDOVM":
            return box.ovm_id == text
        case "DBID":
            return box.box_id == text
        case "ADDRESS":
            return all(word in box.address.casefold() for word in words)
        case _:
            whole = f"{box.name} {box.address} {box.ic} {box.box_id}".casefold()
            return all(word in whole for word in words)


def _highlighted(name: str, text: str) -> str:
    place = name.casefold().find(text.casefold()) if text else -1
    if place < 0:
        return name
    end = place + len(text)
    return f"{name[:place]}{_MARKS[0]}{name[place:end]}{_MARKS[1]}{name[end:]}"


def _send_options(sender: Box, box: Box) -> str:
    if box.state is not BoxState.ACCESSIBLE:
        return "DISABLED"
    if sender.is_ovm or box.is_ovm:
        return "ALL" if box.open_addressing and not sender.is_ovm else "DZ"
    return "PDZ" if box.open_addressing else "NONE"
