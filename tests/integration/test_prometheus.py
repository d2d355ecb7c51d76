"""A real Prometheus with our rules looks at a real gateway; promtool judges the page."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from depesha.simulators.gateway_plan import free_ports
from depesha.simulators.seos_documents import REGISTERED
from tests.support.country import CLOCK, IZVOR, OBRAZETS, country, gateway, peer, registry
from tests.support.promql import DOCKER, RULES, declared, offered, unknown
from tests.support.simulators import letter

pytestmark = [pytest.mark.clamd, pytest.mark.slow]


def configured(folder: Path, target: str) -> Path:
    """Write the shipped configuration for one gateway, in a hurry."""
    shipped = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text("utf-8"))
    shipped["global"] |= {
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "evaluation_interval": "1s",
    }
    shipped["rule_files"] = [str(file) for file in RULES]
    shipped["scrape_configs"][0]["static_configs"][0]["targets"] = [target]
    folder.mkdir()
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(shipped), "utf-8")
    return file


@asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[str]:
    """Start Prometheus with the shipped rules and configuration, looking each second."""
    file = await asyncio.to_thread(configured, folder, target)
    [port] = free_ports(1)
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


def lint(page: str) -> subprocess.CompletedProcess[str]:
    """Let promtool judge names, units and sentences of a page."""
    return subprocess.run(
        ["promtool", "check", "metrics"], input=page, text=True, capture_output=True, check=False
    )


async def asked(base: str, expression: str, seconds: float = 40) -> list[dict[str, Any]]:
    """Ask until something is answered."""
    until = CLOCK.monotonic() + seconds
    async with aiohttp.ClientSession() as session:
        while CLOCK.monotonic() < until:
            url = base + "/api/v1/query"
            with suppress(aiohttp.ClientError):  # it may still be starting
                async with session.get(url, params={"query": expression}) as answer:
                    found: list[dict[str, Any]] = (await answer.json())["data"]["result"]
                    if found:
                        return found
            await CLOCK.sleep(0.2)
    raise AssertionError(f"nothing came of {expression}")


async def value(base: str, expression: str) -> float:
    return float((await asked(base, expression))[0]["value"][1])


async def unwell(base: str) -> list[str]:
    """Return the rules that Prometheus could not work out."""
    async with aiohttp.ClientSession() as session, session.get(base + "/api/v1/rules") as answer:
        groups = (await answer.json())["data"]["groups"]
    assert len(groups) > 8
    return [rule["name"] for group in groups for rule in group["rules"] if rule["health"] == "err"]


async def page_of(base: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(base + "/metrics") as answer:
        return await answer.text()


async def test_prometheus_reads_a_gateway_and_every_query_finds_its_series(tmp_path: Path) -> None:
    async with country(tmp_path / "c") as made, registry(made) as office:
        process, izvor = gateway(made), peer(made)
        request = letter()
        await izvor.submit(OBRAZETS.party, process.seos_url, request)
        [waiting] = await office.waiting(5)
        await office.register(waiting["id"], "ВХ-1", CLOCK.now().date())
        await izvor.wait_for_status(request.document.guid, REGISTERED, 10)
        page = await page_of(process.operators)

        judged = await asyncio.to_thread(lint, page)
        assert judged.returncode == 0, judged.stdout + judged.stderr
        # Series that nothing has happened to yet have no labels on the page.
        later = declared()
        offers = {name: labels or later.get(name, set()) for name, labels in offered(page).items()}
        assert unknown(offers) == []
        private = (
            IZVOR.party.name,
            IZVOR.party.identifier,
            str(request.document.guid),
            waiting["id"],
            "ВХ-1",
        )
        assert not [word for word in private if word.lower() in page.lower()]

        async with prometheus(tmp_path / "p", process.operators.removeprefix("http://")) as base:
            assert await value(base, 'up{job="depesha"}') == 1
            assert await value(base, 'depesha_messages_received_total{network="seos"}') == 1
            assert await value(base, 'depesha_stage_seconds_count{stage="registering"}') == 1
            assert await value(base, 'depesha_messages{state="ACKNOWLEDGED"}') == 1
            assert await value(base, 'depesha_part_up{part="scanner"}') == 1
            assert await value(base, "sum(depesha_lane_workers)") >= 4
            assert await value(base, 'depesha:slo_budget:ratio{slo="answers"}') == 0.001
            assert await value(base, "depesha:disk_free:ratio") > 0
            assert await value(base, "depesha_scanners_alive") == 1
            ends = 'depesha_certificate_end_timestamp_seconds{use="signing"} - time()'
            assert await value(base, ends) > 0
            assert await value(base, "time() - depesha_facts_timestamp_seconds") < 30
            assert await unwell(base) == []
            assert await value(base, "depesha_store_commit_seconds_count") > 0
