"""The cases of Sipfront's suite: sipp asks, the bridge verifies, workers read the verdict; SBCs are told the code."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from detector.trust.verdict import Verdict
from streams.kafka.topics import CALL_EVENTS
from tests.detector.trust.authority import CALLED, CALLING
from tests.integration.bridge.sipp import asked, needs_sipp, sipp
from tests.integration.trust.signed_case import Bridge, running, worker_environment
from tests.integration.trust.sipfront_cases import CASES, LATE, NEVER, OURS, Case, lawful_line, served
from tests.streams.bridge.http.conftest import TOKEN
from tests.streams.trust.https_server import PORT, response, serving
from tests.topic_reader import Reader
from tests.waiting import HANG_S, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


async def certificates(path: str, writer: asyncio.StreamWriter) -> None:
    """Chains in order and out of order; one comes when nobody waits any more."""
    found = served().get(path)
    if path == f"/{LATE}":
        await asyncio.sleep(HANG_S)
    writer.write(response(b"", status="404 Not Found") if found is None else response(found))


class Calls:
    """Asks about the cases by sipp and as SBCs do, and finds what was published."""

    def __init__(self, bridge: Bridge, reader: Reader, folder: Path) -> None:
        self._bridge = bridge
        self._reader = reader
        self._folder = folder

    def place(self, name: str, lines: tuple[str, ...]) -> dict[str, Any]:
        """Call by sipp, which wants the call to pass; return the set-up that workers get."""
        call = asked(404, more=(*lines, f"P-Charging-Vector: icid-value={name}"))
        sipp(call, self._bridge.sip_port, self._folder, calling=f"+{CALLING}", called=f"+{CALLED}")
        found: list[dict[str, Any]] = []

        def has_come() -> bool:
            found[:] = [one for _, one in self._reader.read() if one.get("icid") == name]
            return bool(found)

        wait_until(has_come, f"the set-up of {name}")
        (only,) = found
        return only

    def verification(self, lines: tuple[str, ...]) -> dict[str, Any]:
        """What an SBC is told of the same headers (ATIS-1000082)."""
        identities = [value for name, _, value in (line.partition(": ") for line in lines) if name in ("Identity", "y")]
        asked_for = {"from": {"tn": CALLING}, "to": {"tn": [CALLED]}, "time": 1, "identity": identities or None}
        answer = httpx.post(
            f"http://127.0.0.1:{self._bridge.http_port}/stir/v1/verification",
            json={"verificationRequest": asked_for},
            headers={"Authorization": f"Bearer {TOKEN}", "Robocall-Deadline-Ms": "1000"},
            timeout=HANG_S,
        )
        return dict(answer.json()["verificationResponse"])

    def check(self, number: int, case: Case, place: str) -> str:
        """What is wrong with a case; empty where nothing is. Tokens are made here, so each of them is fresh."""
        lines = case.lines(place)
        event = self.place(f"case-{number}", lines)
        told = self.verification(lines)
        verdict = None if case.cause is None else Verdict(cause=case.cause)
        found = (event.get("own_cause"), event.get("own_verstat"), told["verstat"], told.get("reasoncode"))
        wanted: tuple[str | int | None, ...] = (None, None, "No-TN-Validation", None)
        if verdict is not None:
            wanted = (verdict.cause.value, verdict.verstat.value, verdict.verstat.value, verdict.code)
        return "" if found == wanted else f"{found} instead of {wanted}"


def test_each_case_is_found_and_no_call_is_refused_for_it(
    kafka_bootstrap: str, fresh_topics: Callable[..., list[str]], tmp_path: Path
) -> None:
    """A failed signature alone blocks nobody: sipp fails where a call does not pass."""
    needs_sipp()
    fresh_topics(4)
    environment = worker_environment(kafka_bootstrap, tmp_path) | {
        "ROBOCALL_MODE": "shadow",
        "ROBOCALL_TRUST_FETCH_TIMEOUT_S": "60",
    }
    reader = Reader(kafka_bootstrap, CALL_EVENTS)
    wrong: dict[str, str] = {}

    def ask(bridge: Bridge, place: str) -> None:
        calls = Calls(bridge, reader, tmp_path)
        for number, (name, case) in enumerate({**CASES, **OURS}.items()):
            complaint = calls.check(number, case, place)
            if complaint:
                wrong[name] = complaint
        once = lawful_line(place)
        assert calls.place("once", once)["own_cause"] == "passed"
        assert calls.place("again", once)["own_cause"] == "replayed"

    async def whole() -> None:
        async with serving(certificates) as server:
            with running(environment, tmp_path) as bridge:
                await asyncio.to_thread(ask, bridge, f"https://{server.address}:{PORT}")

    try:
        asyncio.run(whole())
    finally:
        reader.close()
    assert wrong == {}


def test_what_the_suite_wants_refused_is_refused_but_for_four_cases() -> None:
    """Codes differ where the suite is less exact than the RFC; whether there is one differs here."""
    differs = {
        name
        for name, case in CASES.items()
        if case.cause is not None and (case.theirs == NEVER) != (Verdict(cause=case.cause).code is None)
    }
    assert differs == {"017 no alg", "208 a port of its own", "501 an empty x5u", "502 garbage for x5u"}
