"""Statements of the console's eyes and of people that PostgreSQL needs in other words.

Counts stand in a row for each writer (`slot`), so that gateways never wait for each other there;
what is read is their sum.
"""

from __future__ import annotations

from depesha.queue import overview_statements as seen
from depesha.queue import people_statements as people
from depesha.queue import retention

_SLOT = "current_setting('depesha.slot')::bigint"
_PULSE = f"""INSERT INTO pulses (slot, network, word, hour, count, last)
  VALUES ({_SLOT}, ?, ?, ?, {{}})
  ON CONFLICT (network, word, hour, slot) DO UPDATE
    SET count = pulses.count + excluded.count, last = greatest(pulses.last, excluded.last)"""  # noqa: S608 -- our own words
_PEER = "SELECT peer, direction, sum(count)::bigint, max(last) FROM peers"

OTHERWISE: dict[str, str] = {
    seen.ADD_PULSE: _PULSE.format("1, ?"),
    seen.MOVE_PULSE: _PULSE.format("?, ?"),
    seen.ADD_PEER: f"""INSERT INTO peers (slot, peer, direction, count, last)
  VALUES ({_SLOT}, ?, ?, 1, ?)
  ON CONFLICT (peer, direction, slot) DO UPDATE
    SET count = peers.count + 1, last = greatest(peers.last, excluded.last)""",  # noqa: S608 -- as above
    seen.KEEP_PROOF: """INSERT INTO proofs (name, at, rows) VALUES (?, ?, ?)
  ON CONFLICT (name) DO UPDATE SET at = excluded.at, rows = excluded.rows""",
    # What another gateway has in hand is filed later: so filing never waits while it holds rows.
    seen.FILING: """UPDATE entries SET filed = ?, need = ? WHERE row = (
    SELECT row FROM entries WHERE row = ? AND filed = 0 AND since = ? FOR UPDATE SKIP LOCKED)""",
    seen.ADD_WORDS: """INSERT INTO words (place, terms) VALUES (?, ?)
  ON CONFLICT (place) DO UPDATE SET terms = excluded.terms""",
    seen.DROP_WORDS: "DELETE FROM words WHERE place = ?",
    seen.TEXTS_OF: "SELECT count(*) FROM words WHERE place BETWEEN ? AND ?",
    seen.FOUND_WORDS: "SELECT place FROM found_words(?, ?, ?) AS place",
    seen.PULSES_SINCE: """SELECT hour, sum(count)::bigint FROM pulses
  WHERE network = ? AND word = ? AND hour >= ? GROUP BY hour""",
    seen.LAST_PULSE: """SELECT last FROM pulses WHERE network = ? AND word = ?
  ORDER BY hour DESC, last DESC LIMIT 1""",
    seen.PEERS_AFTER: f"""{_PEER} WHERE peer > ?
  GROUP BY peer, direction ORDER BY peer, direction LIMIT ?""",
    seen.PEER: f"{_PEER} WHERE peer = ? GROUP BY peer, direction ORDER BY direction",
    # A list that grows is never read whole.
    **{
        ended: f"""SELECT e.id FROM {table} e WHERE e.state = ? AND e.changed_at < ?
  AND NOT EXISTS (SELECT FROM destroyed d WHERE d.id = e.id) ORDER BY e.id LIMIT ?"""  # noqa: S608 -- as above
        for table, ended in (("messages", retention.ENDED_IN), ("outbound", retention.ENDED_OUT))
    },
    retention.CAREFUL: "SELECT ?::bigint",  # an index of this kind is made anew (REINDEX) instead
    retention.DROP_WORDS: "DELETE FROM words WHERE place BETWEEN ? * 8 AND ? * 8 + 7",
    people.STOOD_IN_FOR: f"{people.STOOD_IN_FOR} ORDER BY login",
    seen.BYTES_ELSEWHERE: "SELECT pg_database_size(current_database())",
    # Without an order PostgreSQL reads on from the beginning, in the hope of meeting one soon.
    seen.NETWORK_THERE: """SELECT 1 FROM entries WHERE direction = ? AND network = ?
  ORDER BY state, row LIMIT 1""",
    # PostgreSQL 15 wants a name for every inner question.
    seen.COUNT_NEEDING: f"{seen.COUNT_NEEDING} AS found",
    seen.COUNT_PARKED_OF_KIND: f"{seen.COUNT_PARKED_OF_KIND} AS found",
    seen.DUE_OF_KIND: f"{seen.DUE_OF_KIND} AS found",
}
RETURNING: dict[str, str] = {}
WHEN_WRITING: dict[str, str] = {}
