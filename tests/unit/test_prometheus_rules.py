"""Alert rules and dashboards: judged by promtool, in step with the alarms and with the metrics."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from depesha.monitoring.alarms import ALARMS, Severity, runbook
from tests.support.promql import (
    DOCKER,
    alerts,
    alone,
    dashboards,
    declared,
    queries,
    rules,
    unknown,
)

RULE_TESTS = Path(__file__).parents[1] / "corpus" / "rules"


def promtool(*arguments: str | Path, given: str = "") -> str:
    """Run promtool; fail with its words."""
    done = subprocess.run(
        ["promtool", *map(str, arguments)],
        check=False,
        input=given,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_rules_and_configuration_are_sound() -> None:
    assert "SUCCESS" in promtool("check", "config", DOCKER / "prometheus" / "prometheus.yml")


def test_every_query_of_a_dashboard_parses(tmp_path: Path) -> None:
    made = [{"record": f"x:{n}", "expr": expr} for n, (_, expr) in enumerate(queries())]
    assert len(made) > 100
    file = tmp_path / "all.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": made}]}), "utf-8")
    assert f"{len(made)} rules found" in promtool("check", "rules", file)


def test_queries_name_only_what_the_code_offers() -> None:
    assert unknown(declared()) == []


def test_a_query_for_something_else_would_be_seen() -> None:
    offers = declared()
    del offers["depesha_parked"]
    del offers["depesha_needs"]
    offers["depesha_circuit_open"] = set()
    seen = "\n".join(unknown(offers))
    assert "RegistrySilent: no series depesha_needs" in seen


def test_every_alarm_has_an_alert_and_every_alert_an_alarm() -> None:
    worst: dict[str, set[str]] = {}
    for name, rule in alerts().items():
        labels, notes = rule["labels"], rule["annotations"]
        worst.setdefault(labels["alarm"], set()).add(labels["severity"])
        assert notes["runbook"] == runbook(labels["alarm"]), name
        assert notes["runbook_url"].endswith(notes["runbook"]), name
        assert notes["summary"].endswith("."), name
    assert set(worst) == {alarm.key for alarm in ALARMS}
    for alarm in ALARMS:
        worse = Severity.PAGE if Severity.PAGE in worst[alarm.key] else Severity.TICKET
        assert alarm.severity == worse, alarm.key
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", alarm.key)


def test_alarms_of_networks_name_the_network() -> None:
    for alarm in ALARMS:
        texts = [r["expr"] for r in alerts().values() if r["labels"]["alarm"] == alarm.key]
        named = any(
            word in text
            for text in texts
            for word in ("depesha_network_", "depesha_circuit_open", 'slo="sending"', 'slo="in-t')
        )
        assert named is alarm.by_network, alarm.key


def rule_tests() -> list[Path]:
    return sorted(RULE_TESTS.glob("*_test.yml"))


def shown(case: dict[str, Any]) -> set[str]:
    """Return the alerts that a case asks for."""
    asked = [one["expr"] for one in case.get("promql_expr_test", ())]
    named = {name for expr in asked for name in re.findall(r'alertname="(\w+)"', expr)}
    return named | {one["alertname"] for one in case.get("alert_rule_test", ())}


@pytest.mark.slow
@pytest.mark.parametrize("file", rule_tests(), ids=lambda file: file.stem)
def test_alerts_fire_when_they_should_and_not_before(file: Path, tmp_path: Path) -> None:
    """Each case over its own alerts and what they read: all rules each minute cost a minute of CPU.

    `promtool test rules` over the file itself says the same.
    """
    told = yaml.safe_load(file.read_text("utf-8"))
    cases = []
    for number, case in enumerate(told["tests"]):
        assert shown(case), case["name"]
        few = tmp_path / f"rules{number}.yml"
        few.write_text(yaml.safe_dump(alone(shown(case)), allow_unicode=True), "utf-8")
        cases.append(tmp_path / f"{number}_test.yml")
        whole = told | {"rule_files": [str(few)], "tests": [case]}
        cases[-1].write_text(yaml.safe_dump(whole, allow_unicode=True), "utf-8")
    assert promtool("test", "rules", *cases).count("SUCCESS") == len(cases) > 5


def test_a_rule_alone_has_what_it_reads_and_nothing_else() -> None:
    few = alone({"AnswersFailingFast"})
    names = [rule.get("alert") or rule["record"] for g in few["groups"] for rule in g["rules"]]
    assert names[-1] == "AnswersFailingFast"
    assert len(names) < len(list(rules())) / 3
    made = {rule["record"] for g in few["groups"] for rule in g["rules"] if "record" in rule}
    assert made == {
        f"depesha:slo_{part}:rate{window}"
        for part in ("errors", "events", "error_ratio")
        for window in ("5m", "1h")
    }


def test_every_alert_is_shown_firing_and_silent() -> None:
    shown: dict[str, set[bool]] = {}
    for file in rule_tests():
        for case in yaml.safe_load(file.read_text("utf-8"))["tests"]:
            for one in case.get("promql_expr_test", ()):
                name = re.findall(r'alertname="(\w+)"', one["expr"])[0]
                shown.setdefault(name, set()).add(bool(one["exp_samples"]))
    both = {name: {True, False} for name in alerts()}
    assert {name: shown.get(name) for name in alerts()} == both


def test_dashboards_have_no_two_panels_in_one_place() -> None:
    assert len(dashboards()) == 3
    for name, dashboard in dashboards().items():
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            at: dict[str, Any] = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(at["x"], at["x"] + at["w"])
                for y in range(at["y"], at["y"] + at["h"])
            }
            assert not cells & taken, f"{name}: {panel['title']}"
            assert at["x"] + at["w"] <= 24
            taken |= cells
            assert panel["datasource"]["uid"] == "depesha-prometheus"


def test_grafana_finds_its_source_and_its_files() -> None:
    sources = DOCKER / "grafana" / "provisioning" / "datasources" / "prometheus.yaml"
    assert yaml.safe_load(sources.read_text("utf-8"))["datasources"][0]["uid"] in {
        panel["datasource"]["uid"] for one in dashboards().values() for panel in one["panels"]
    }
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))["services"]
    provider = DOCKER / "grafana" / "provisioning" / "dashboards" / "depesha.yaml"
    path = yaml.safe_load(provider.read_text("utf-8"))["providers"][0]["options"]["path"]
    assert f"./grafana/dashboards:{path}:ro" in compose["grafana"]["volumes"]
    port = compose["gateway"]["environment"]["DEPESHA_LISTEN__OPERATORS"].rpartition(":")[2]
    watched = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text("utf-8"))
    assert watched["scrape_configs"][0]["static_configs"][0]["targets"] == [f"gateway:{port}"]
