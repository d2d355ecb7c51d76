"""What the README shows of the API is what the API takes."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path

from tests.support.registry import running_api
from tests.support.registry_outbound import PDF

README = Path(__file__).parents[2] / "README.md"


async def test_the_readmes_curl_submits_a_document(tmp_path: Path) -> None:
    [call] = re.findall(r"```sh\n(curl .*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    call = call.replace("0000000020001", "000000002")  # whom this register knows
    (tmp_path / "letter.pdf").write_bytes(PDF)
    async with running_api(tmp_path) as api:
        where = {"API": str(api.server.make_url("")).rstrip("/"), "TOKEN": api.secrets["send"]}
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", call),
            cwd=tmp_path,
            env={**os.environ, **where},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        out, _ = await process.communicate()
        said = json.loads(out)
        [document] = api.outbound.outbox.documents.values()
        assert said["id"] == document.id
        assert said["document"]["number"]["number"] == "12-35"
        assert document.dispatch.scan_instead == "Signed on paper, the scan goes"
