"""Gauges of what the console shows, too: ages, needs, books, seals, disk, certificates, hands.

Set at a scrape out of facts that others gathered; nothing is asked here. Moments are seconds since
1970, and 0 says "never": `time() - …` is then an age that no objective allows. Labels are networks,
lanes and words of ours; a document number, a body or a person is none of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client import Gauge

from depesha.monitoring.metrics import Metrics, Words
from depesha.schemas.overview import Direction, Home, Need, QueueAge
from depesha.schemas.route import Circuit

if TYPE_CHECKING:
    from depesha.schemas.surroundings import Surroundings
    from depesha.schemas.usage import Usage


class Gauges:
    """All of them, in the registry of `metrics`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._word = Words()
        self._networks()
        self._work()
        self._books()
        self._machine()

    def _gauge(self, name: str, sentence: str, *labels: str) -> Gauge:
        return Gauge(f"depesha_{name}", sentence, labels, registry=self._metrics.registry)

    def _networks(self) -> None:
        gauge = self._gauge
        self.alive = gauge(
            "network_last_alive_timestamp_seconds",
            "When the network last proved that it lives.",
            "network",
        )
        self.success = gauge(
            "network_last_success_timestamp_seconds",
            "When a document last came, or a try of ours last got through.",
            *("network", "direction"),
        )
        self.waiting = gauge(
            "network_oldest_waiting_seconds",
            "Age of the oldest document that waits: in, for our registry; out, for the network.",
            *("network", "direction"),
        )
        self.fallbacks = gauge(
            "network_fallbacks_today",
            "Documents that took this network today in place of an earlier choice.",
            "network",
        )

    def _work(self) -> None:
        gauge = self._gauge
        self.due = gauge("task_oldest_due_seconds", "How long the oldest due task waits.", "kind")
        self.in_hand = gauge("tasks_in_hand", "Tasks that workers have in hand.", "kind")
        self.needs = gauge("needs", "Things that need a person, to a thousand.", "need")
        self.overdue = gauge(
            "need_overdue_seconds", "How long ago the most pressing one should be done.", "need"
        )
        self.registry_waiting = gauge(
            "registry_waiting_seconds", "Age of the oldest message without a number."
        )
        self.last_number = gauge(
            "registry_last_number_timestamp_seconds", "When the registry last gave a number."
        )

    def _books(self) -> None:
        gauge = self._gauge
        self.balance = gauge(
            "balance_documents",
            "The closing balance of today, by side.",
            *("network", "direction", "side"),
        )
        self.difference = gauge(
            "balance_difference_documents",
            "By how many documents today's books differ from the journal.",
            *("network", "direction"),
        )
        self.rows = gauge("evidence_rows", "Rows of the journal.")
        self.unsealed = gauge("evidence_unsealed_rows", "Rows that no seal covers yet.")
        self.sealed = gauge("seal_timestamp_seconds", "When the journal was last sealed.")
        self.verified = gauge(
            "evidence_verified_timestamp_seconds", "When the whole journal was last verified."
        )

    def _machine(self) -> None:
        gauge = self._gauge
        self.facts = gauge("facts_timestamp_seconds", "When the store was last looked at.")
        self.time = gauge("time_seconds", "The gateway's own clock.")
        self.disk_free = gauge("disk_free_bytes", "Free space where the store lies.")
        self.disk_size = gauge("disk_size_bytes", "Size of the disk where the store lies.")
        self.database = gauge("database_bytes", "Size of the database with its log.")
        self.workers = gauge("lane_workers", "Workers of the lane.", "lane")
        self.busy = gauge("lane_busy", "Workers of the lane that have a task in hand.", "lane")
        self.threads = gauge("threads", "Worker threads.")
        self.threads_busy = gauge("threads_busy", "Worker threads at work.")
        self.threads_waiting = gauge("threads_waiting", "Calls that wait for a worker thread.")
        self.store_waiting = gauge(
            "store_waiting", "Callers that wait for the store.", "connection"
        )
        self.scanners = gauge("scanners", "Malware scanners that are set up.")
        self.scanners_alive = gauge("scanners_alive", "Malware scanners that answer.")
        self.scanner_built = gauge(
            "scanner_database_timestamp_seconds",
            "When the oldest malware database in use was made.",
        )
        self.certificate = gauge(
            "certificate_end_timestamp_seconds", "When a certificate of ours ends.", "use"
        )
        self.peer_certificate = gauge(
            "peer_certificate_end_timestamp_seconds",
            "When the next of the peers' certificates that we know ends.",
        )

    def show_home(self, home: Home) -> None:
        """Set what the home page rests on."""
        now, moment = home.at, _moment
        self.facts.set(now.timestamp())
        for strip in home.strips:
            network = self._word(strip.network)
            self.alive.labels(network).set(moment(strip.last_alive))
            self.success.labels(network, "in").set(moment(strip.last_in))
            self.success.labels(network, "out").set(moment(strip.last_out))
            self.waiting.labels(network, "in").set(_age(strip.oldest_waiting_in, now))
            self.waiting.labels(network, "out").set(_age(strip.oldest_waiting_out, now))
            self.fallbacks.labels(network).set(strip.fallbacks_today)
            shut = strip.circuit is Circuit.CLOSED
            self._metrics.circuit_open.labels(network).set(0 if shut else 1)
        self._show_needs(home)
        self._show_books(home)
        self.registry_waiting.set(_age(home.registry.waiting_since, now))
        self.last_number.set(moment(home.registry.last_number))
        self.disk_free.set(home.horizon.disk_free)
        self.disk_size.set(home.horizon.disk_total)
        self.database.set(home.horizon.database_bytes)

    def _show_needs(self, home: Home) -> None:
        counts = {one.need: one.count for one in home.need_counts}
        for need in Need:
            deadlines = [item.deadline for item in home.needs if item.need is need]
            self.needs.labels(need).set(counts.get(need, len(deadlines)))
            self.overdue.labels(need).set(_age(min(deadlines, default=None), home.at))

    def _show_books(self, home: Home) -> None:
        seen = self._known(home)
        for one in home.balance.received:
            sides = {
                "registered": one.registered,
                "refused": one.refused,
                "held": one.held,
                "waiting": one.waiting,
            }
            self._side(one.network, Direction.IN, one.received, sides)
            seen.discard((one.network, Direction.IN))
        for line in home.balance.sent:
            sides = {
                "confirmed": line.confirmed,
                "refused": line.refused,
                "unclear": line.unclear,
                "waiting": line.waiting,
            }
            self._side(line.network, Direction.OUT, line.sent, sides)
            seen.discard((line.network, Direction.OUT))
        for network, direction in seen:
            self._empty(network, direction)
        sent = sum(line.sent for line in home.balance.sent)
        self.difference.labels("all", "out").set(abs(home.balance.submitted - sent))
        sealing = home.sealing
        covered = 0 if sealing.seal is None else sealing.seal.last
        self.rows.set(sealing.rows)
        self.unsealed.set(max(0, sealing.rows - covered))
        sealed = None if sealing.seal is None else datetime.fromisoformat(sealing.seal.at)
        self.sealed.set(_moment(sealed))
        self.verified.set(_moment(sealing.verified_at))

    @staticmethod
    def _known(home: Home) -> set[tuple[str, Direction]]:
        """Each network and direction: what had traffic yesterday has none after midnight."""
        return {(strip.network, way) for strip in home.strips for way in Direction}

    def _side(self, network: str, way: Direction, total: int, sides: dict[str, int]) -> None:
        name = self._word(network) if network else "none"
        for side, count in sides.items():
            self.balance.labels(name, way, side).set(count)
        self.difference.labels(name, way).set(abs(total - sum(sides.values())))

    def _empty(self, network: str, way: Direction) -> None:
        inward = ("registered", "refused", "held", "waiting")
        outward = ("confirmed", "refused", "unclear", "waiting")
        names = inward if way is Direction.IN else outward
        self._side(network, way, 0, dict.fromkeys(names, 0))

    def show_queue(self, ages: Iterable[QueueAge], now: datetime) -> None:
        """Set the ages of the work."""
        for age in ages:
            self.due.labels(age.kind).set(_age(age.due_since, now))
            self.in_hand.labels(age.kind).set(age.in_hand)

    def show_usage(self, usage: Usage, now: datetime) -> None:
        """Set what is in use in this process."""
        self.time.set(now.timestamp())
        for one in usage.hands:
            self.workers.labels(one.lane).set(one.workers)
            self.busy.labels(one.lane).set(one.busy)
        if usage.threads is not None:
            self.threads.set(usage.threads.size)
            self.threads_busy.set(usage.threads.busy)
            self.threads_waiting.set(usage.threads.waiting)
        for connection, count in usage.store_waiting.items():
            self.store_waiting.labels(connection).set(count)

    def show_surroundings(self, around: Surroundings) -> None:
        """Set scanners and certificates."""
        if around.at is None:
            return
        self.scanners.set(len(around.scanners))
        self.scanners_alive.set(sum(1 for one in around.scanners if one.alive))
        self.scanner_built.set(_moment(around.database_built))
        for certificate in around.certificates:
            self.certificate.labels(self._word(certificate.use)).set(_moment(certificate.ends))
        if around.peers is not None and around.peers.next_end is not None:
            self.peer_certificate.set(_moment(around.peers.next_end))


def _moment(at: datetime | None) -> float:
    return 0.0 if at is None else at.timestamp()


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
