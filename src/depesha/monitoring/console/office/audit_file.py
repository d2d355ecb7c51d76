"""The audit as a file: every row with its place in the evidence chain. Pure, blocking.

CSV for tables, JSON for whoever recomputes the hashes: there stand the very bodies that the chain
covers (`schemas/evidence.py` says how).
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from depesha.monitoring.console.office.audit_view import TOLD
from depesha.schemas.evidence import canonical

if TYPE_CHECKING:
    from depesha.schemas.evidence import EvidenceRecord

FORMAT = "depesha-audit/1"
Rows = Sequence[tuple["EvidenceRecord", int]]
"""Each with the number of its seal; 0: not sealed yet."""
_COLUMNS = (
    "row",
    "at",
    "who",
    "what",
    "document",
    "purpose",
    "ground",
    "facts",
    "seal",
    "hash",
    "previous",
)
_FORMULA = re.compile(r"(^|[,;|\t\r\n])([\s\"']*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""Where a cell may begin: programs of other countries part columns by other signs than ours."""


def as_csv(rows: Rows, *, sees: bool) -> bytes:
    """Return a table; a byte order mark tells office programs that it is UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for record, seal in rows:
        body = json.loads(record.body)
        facts = _told(body["facts"], sees=sees)
        values = (
            record.sequence,
            body["at"],
            body["actor"],
            body["kind"],
            record.message_id,
            facts.pop("purpose", ""),
            facts.pop("ground", ""),
            json.dumps(facts, ensure_ascii=False, sort_keys=True) if facts else "",
            seal or "",
            record.hash,
            record.previous,
        )
        writer.writerow([_safe(value) for value in values])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def as_json(rows: Rows, asked: Mapping[str, str], *, sees: bool) -> bytes:
    """Return the rows with their exact bodies; withheld ones keep hash and place."""
    told = []
    for record, seal in rows:
        row: dict[str, Any] = asdict(record) | {"seal": seal or None}
        facts = json.loads(record.body)["facts"]
        if len(_told(facts, sees=sees)) < len(facts):
            row["body"] = None
        told.append(row)
    return canonical({"format": FORMAT, "asked": dict(asked), "rows": told})


def _told(facts: Mapping[str, Any], *, sees: bool) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if sees or name in TOLD}


def _safe(value: object) -> str:
    """A text that a table program would take for a formula is marked as text."""
    return _FORMULA.sub(r"\1\2'", str(value))
