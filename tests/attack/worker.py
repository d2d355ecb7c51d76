"""One caller of the fuzz run: a process of its own, one kept connection, its share of examples.

Reads its task as JSON from standard input, prints one JSON object; asserts nothing by itself.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from hypothesis import HealthCheck, Phase, given, seed, settings

from depesha.schemas.envelope import Party
from depesha.schemas.ids import Guid
from depesha.simulators.authority import Identity
from depesha.simulators.seos_soap import ACTION, CONTENT_TYPE
from tests.attack.chance import Scene, Shot, shots
from tests.attack.stand import Came, understand

HEADERS: Final = {"Content-Type": CONTENT_TYPE, "SOAPAction": ACTION}
ANSWERED: Final = frozenset({"empty", "MSG_Error"})
_SECONDS: Final = 60.0


class Caller:
    """Sends shots over one connection that is opened anew only where the gateway closed it."""

    def __init__(self, port: int, context: ssl.SSLContext, folder: Path) -> None:
        self._connection = http.client.HTTPSConnection(
            "localhost", port, context=context, timeout=_SECONDS
        )
        self._folder = folder
        self.kinds: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.failure = ""

    def send(self, shot: Shot) -> None:
        """Send one shot; raise `AssertionError` where the answer is none that may come."""
        self.kinds[shot.kind] += 1
        try:
            self._connection.request("POST", "/seos", shot.body, HEADERS)
            response = self._connection.getresponse()
            came = understand(response.status, response.read())
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self._fail(shot, f"no answer: {type(error).__name__}: {error}")
            return
        self.answers[f"{came.http} {came.told}"] += 1
        wrong = _wrong(came)
        if wrong:
            self._fail(shot, wrong)

    def _fail(self, shot: Shot, why: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "shot").write_bytes(shot.body)
        self.failure = f"{shot.kind}: {why}"
        raise AssertionError(self.failure)


def _wrong(came: Came) -> str:
    """Why an answer may not come; empty where it may."""
    if came.http == 200:
        good = came.said in ANSWERED or came.said.startswith("DS_")
        return "" if good else f"HTTP 200 with {came.told}"
    if came.http == 500 and came.said == "fault" and came.code:
        return ""
    whole = came.http != 408  # every body is sent whole and at once
    return "" if 400 <= came.http < 500 and whole else f"HTTP {came.http} with {came.told}"


def _scene(task: dict[str, Any]) -> Scene:
    key = serialization.load_pem_private_key(Path(task["key"]).read_bytes(), None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("the key is no RSA key")
    certificate = x509.load_pem_x509_certificate(Path(task["certificate"]).read_bytes())
    parties = [
        Party(identifier=one["identifier"], name=one["name"], guid=Guid(one["guid"]))
        for one in (task["sender"], task["recipient"])
    ]
    return Scene(
        sender=parties[0],
        recipient=parties[1],
        identity=Identity(key=key, certificate=certificate),
        at=datetime.fromisoformat(task["at"]),
    )


def main() -> None:
    """Do the task."""
    task = json.load(sys.stdin)
    context = ssl.create_default_context(cafile=task["trusted"])
    context.load_cert_chain(task["certificate"], task["key"])
    caller = Caller(task["port"], context, Path(task["failures"]))
    scene = _scene(task)

    @seed(task["seed"])
    @settings(
        max_examples=task["examples"],
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    @given(shots(scene))
    def shoot(shot: Shot) -> None:
        caller.send(shot)

    with contextlib.suppress(AssertionError):  # told below, with the smallest shot that shows it
        shoot()
    json.dump(
        {"kinds": caller.kinds, "answers": caller.answers, "failure": caller.failure}, sys.stdout
    )


if __name__ == "__main__":
    main()
