"""Reads what dashboards and rules ask for, and what a metrics page offers. Nothing here asserts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml
from prometheus_client.parser import text_string_to_metric_families

from depesha.monitoring.gauges import Gauges
from depesha.monitoring.metrics import Metrics

DOCKER: Final = Path(__file__).parents[2] / "docker"
RULES: Final = (DOCKER / "prometheus" / "recording.yml", DOCKER / "prometheus" / "alerts.yml")
OF_PROMETHEUS: Final = {"job", "instance", "alertname", "alertstate", "severity", "alarm"}
"""Labels that Prometheus or the rules themselves set."""
_NAME = re.compile(r"\b(?:depesha[_:]|process_)[a-zA-Z0-9_:]+|\bup\b|\bALERTS\b")
_MATCHERS = re.compile(r"\{([^}]*)\}")
_LABEL = re.compile(r"([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)")
_GROUPED = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_SUFFIXES = ("_bucket", "_count", "_sum")


@lru_cache(maxsize=1)
def groups() -> tuple[dict[str, Any], ...]:
    """Return the groups of both files in their order; they are shared, so not to be changed."""
    texts = (file.read_text(encoding="utf-8") for file in RULES)
    return tuple(group for text in texts for group in yaml.safe_load(text)["groups"])


def rules() -> Iterator[dict[str, Any]]:
    """Yield every rule of both files."""
    for group in groups():
        yield from group["rules"]


def alerts() -> dict[str, dict[str, Any]]:
    """Return the alerts by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def dashboards() -> dict[str, dict[str, Any]]:
    """Return the dashboards by file name."""
    folder = DOCKER / "grafana" / "dashboards"
    return {file.name: json.loads(file.read_text(encoding="utf-8")) for file in folder.iterdir()}


def queries() -> Iterator[tuple[str, str]]:
    """Yield every expression with the place where it stands."""
    for rule in rules():
        yield str(rule.get("alert") or rule["record"]), rule["expr"]
    for name, dashboard in dashboards().items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", target["expr"]


def names_in(expression: str) -> set[str]:
    """Return the series that an expression asks for."""
    return set(_NAME.findall(_MATCHERS.sub("", expression)))


def labels_in(expression: str) -> set[str]:
    """Return the labels that an expression matches or groups by."""
    matched = {name for part in _MATCHERS.findall(expression) for name in _LABEL.findall(part)}
    grouped = {one.strip() for part in _GROUPED.findall(expression) for one in part.split(",")}
    return (matched | grouped) - {""}


def recorded() -> dict[str, set[str]]:
    """Return the recording rules by name, with the labels that their results may have."""
    found: dict[str, set[str]] = {}
    for rule in rules():
        if "record" in rule:
            labels = labels_in(rule["expr"]) | set(rule.get("labels", {}))
            found.setdefault(rule["record"], set()).update(labels)
    return found


def alone(wanted: set[str]) -> dict[str, Any]:
    """Return a rule file with these alerts and the recording rules they read, in their order.

    What Prometheus works out of the other rules cannot change what these say.
    """
    series, left = set[str](), [alerts()[name]["expr"] for name in sorted(wanted)]
    while left:
        new = names_in(left.pop()) - series
        series |= new
        left += [rule["expr"] for rule in rules() if rule.get("record") in new]
    kept = (
        group
        | {
            "rules": [
                rule
                for rule in group["rules"]
                if rule.get("record") in series or rule.get("alert") in wanted
            ]
        }
        for group in groups()
    )
    return {"groups": [group for group in kept if group["rules"]]}


def offered(page: str) -> dict[str, set[str]]:
    """Return the series of a metrics page by name, with their labels; empty families too."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(page):
        name = family.name + ("_total" if family.type == "counter" else "")
        names = [name]
        if family.type == "histogram":
            names = [family.name + suffix for suffix in _SUFFIXES]
        for one in names:
            found.setdefault(one, set())
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def unknown(offers: Mapping[str, set[str]]) -> list[str]:
    """Return what is asked for and not there, each with its place."""
    known = {**offers, **recorded(), "up": set(), "ALERTS": set()}
    wrong: list[str] = []
    for place, expression in queries():
        names = names_in(expression)
        wrong += [f"{place}: no series {name}" for name in sorted(names - set(known))]
        labels = set[str]().union(*(known[name] for name in names & set(known)))
        extra = labels_in(expression) - labels - OF_PROMETHEUS - {"slo"}
        wrong += [f"{place}: no label {label}" for label in sorted(extra)]
        if not names and not expression.startswith("vector("):
            wrong.append(f"{place}: asks for nothing")
    return wrong


def declared() -> dict[str, set[str]]:
    """Return what the code offers: every series with its labels, whether or not there is one."""
    metrics = Metrics("0")
    Gauges(metrics)
    page = offered(metrics.render().decode())
    found = {name: labels for name, labels in page.items() if name.startswith("process_")}
    for collector in list(metrics.registry._collector_to_names):
        names = metrics.registry._collector_to_names[collector]
        labels = set(getattr(collector, "_labelnames", ()))
        for name in names:
            found[name] = labels | ({"le"} if name.endswith("_bucket") else set())
    return found
