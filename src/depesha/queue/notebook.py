"""The notebook on SQLite: small values by area and key, each change with its evidence."""

from __future__ import annotations

from collections.abc import Mapping

from depesha.queue import people_statements as sql
from depesha.queue.lane import Database, Transaction
from depesha.queue.rows import append
from depesha.schemas.message import NewEvidence
from depesha.schemas.notes import checked


class SqliteNotebook:
    """`Notebook` on SQLite."""

    def __init__(self, db: Database) -> None:
        """Use `db`."""
        self._db = db

    async def read(self, area: str) -> Mapping[str, bytes]:
        """See `Notebook.read`."""
        return dict(await self._db.read(lambda t: t.all(sql.NOTES, area)))

    async def write(self, area: str, key: str, value: bytes | None, evidence: NewEvidence) -> None:
        """See `Notebook.write`."""

        def work(transaction: Transaction) -> None:
            if value is None:
                transaction.run(sql.DROP_NOTE, area, key)
            else:
                transaction.run(sql.WRITE_NOTE, area, key, checked(value))
            append(transaction, evidence)

        await self._db.write(work)

    async def add(self, area: str, key: str, value: bytes, evidence: NewEvidence) -> bool:
        """See `Notebook.add`."""

        def work(transaction: Transaction) -> bool:
            added = transaction.run(sql.ADD_NOTE, area, key, checked(value)) == 1
            if added:
                append(transaction, evidence)
            return added

        return await self._db.write(work)
