"""The last hand on an answer of the simulated ISDS: papers are sealed, everything is judged.

What breaks our own schema never leaves as a success: the fault would be this simulator's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from depesha.errors import WireError
from depesha.schemas import xml
from depesha.schemas.wire.isds import DONE, Service, paper_schema, schema
from depesha.simulators.isds_answer import enveloped
from depesha.simulators.isds_intake import Asked
from depesha.simulators.isds_pieces import FilePiece, Pen, Piece, Pieces, skeleton
from depesha.simulators.isds_quirks import FaultKind
from depesha.simulators.isds_reply import Reply, Unsealed, status
from depesha.simulators.isds_seal import SealForm
from depesha.simulators.isds_state import IsdsState
from depesha.simulators.isds_words import WORDS

_DB: Final = frozenset({Service.SEARCH, Service.ACCESS})


class OwnAnswerError(Exception):
    """An answer of this simulator breaks the schema: a fault of its own, never sent as success."""


def finish(
    state: IsdsState, service: Service, asked: Asked, reply: Reply
) -> tuple[Pieces, tuple[Path, ...]]:
    """Write the answer; return it with the files to be removed once it was sent. Blocking.

    Raises `OwnAnswerError`.
    """
    inner: list[Piece] = list(reply.inner)
    spent: tuple[Path, ...] = ()
    if reply.paper is not None:
        path = _sealed(state, reply.paper)
        spent = (path,)
        name = reply.paper.element
        piece = FilePiece(path=path, size=path.stat().st_size)
        inner += [f"<p:{name}>".encode(), piece, f"</p:{name}>".encode()]
    pen = Pen()
    status(pen, reply.code, reply.words or WORDS[DONE], "db" if service in _DB else "dm")
    pieces = enveloped(asked.soap, asked.call.name, (*inner, *pen.done()))
    try:
        told = schema().deviations(xml.Document(xml.parse(skeleton(pieces)).root[0][0]))
    except WireError as error:
        told = (str(error),)
    if told:
        for path in spent:
            path.unlink(missing_ok=True)
        raise OwnAnswerError("; ".join(told))
    return pieces, spent


def _sealed(state: IsdsState, paper: Unsealed) -> Path:
    quirks = state.oddity.quirks
    known = skeleton(paper.content).replace(quirks.paper_host.encode(), b"isds.czechpoint.cz")
    told = paper_schema(paper.kind).deviations(xml.parse(known))
    if told:
        raise OwnAnswerError("; ".join(told))
    form = SealForm(
        pkcs1=quirks.pkcs1,
        der=quirks.der,
        stampless=paper.spoil is FaultKind.STAMPLESS,
        bad_signature=paper.spoil is FaultKind.BAD_SIGNATURE,
        bad_stamp=paper.spoil is FaultKind.BAD_STAMP,
    )
    path = state.files.fresh("zfo")
    written = _altered(paper.content) if paper.spoil is FaultKind.BAD_CONTENT else None
    digest = state.sealer.seal(paper.content, path, state.clock.now(), form, written)
    if paper.spoil in {None, FaultKind.STAMPLESS}:
        state.sealed.add(digest)
    return path


def _altered(content: Pieces) -> Pieces:
    """Change one letter of the subject, the length being kept."""
    mark = b"<p:dmAnnotation>"
    made: list[Piece] = []
    for piece in content:
        if isinstance(piece, bytes) and mark in piece:
            place = piece.index(mark) + len(mark)
            made.append(piece[:place] + bytes([piece[place] ^ 1]) + piece[place + 1 :])
        else:
            made.append(piece)
    return tuple(made)
