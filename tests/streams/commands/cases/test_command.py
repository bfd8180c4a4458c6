"""`robocall cases` on a real broker: what is listed, held and deleted."""

import asyncio
import json
import time
from collections.abc import Callable

import pytest
from click.testing import Result

from streams.cases.changes import CLOSED, new_entry, opened
from streams.cases.store import CaseStore
from streams.settings import load_settings
from streams.wire.cases import CaseKind
from tests.typed import typed

pytestmark = pytest.mark.kafka

DAY_MS = 86_400_000
NOW_MS = time.time_ns() // 1_000_000


@pytest.fixture
def ids(kafka_bootstrap: str, fresh_topics: Callable[[int], list[str]], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Cases of 4, 6 and 6 years ago, the last of which still waits."""
    fresh_topics(2)
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    monkeypatch.setenv("ROBOCALL_CASES_OPERATOR", "A. Roe")
    cases = [
        opened(kind, new_entry(who="M. Lee", what="opened", why="why", now_ms=NOW_MS - years * 365 * DAY_MS),
               subject="list:allow", details={"until_ms": "1790000000000"}, state=state)
        for kind, years, state in (
            (CaseKind.CHANGE, 4, CLOSED), (CaseKind.LOOK_UP, 6, CLOSED), (CaseKind.REDRESS, 6, "pending"),
        )
    ]  # fmt: skip

    async def write() -> None:
        store = CaseStore(load_settings())
        for case in cases:
            await store.open(case)

    asyncio.run(write())
    return [case.case_id for case in cases]


def run(*arguments: str) -> Result:
    done = typed("cases", *arguments)
    assert done.exception is None, done.output
    return done


def listed(*options: str) -> set[str]:
    return {json.loads(line)["case_id"] for line in run("list", "--json", *options).stdout.splitlines()}


def test_cases_are_found_by_kind_state_and_age(ids: list[str]) -> None:
    change, look_up, redress = ids
    assert listed() == set(ids)
    assert listed("--kind", "change") == {change}
    assert listed("--state", "pending") == {redress}
    assert listed("--days", "2000") == {change}
    assert [line.split()[:3] for line in run("list", "--kind", "look_up").stdout.splitlines()] == [
        [look_up, "closed", "list:allow"]
    ]


def test_a_case_is_shown_with_its_facts_and_its_history(ids: list[str]) -> None:
    shown = run("show", ids[0]).stdout.splitlines()
    assert shown[:3] == [f"{ids[0]}: change, closed", "about list:allow", "  until: 2026-09-21 14:13:20"]
    assert shown[3].endswith("  opened by M. Lee: why")
    assert json.loads(run("show", ids[0], "--json").stdout)["case_id"] == ids[0]


def test_only_ended_cases_past_their_retention_go_and_a_hold_keeps_them(ids: list[str]) -> None:
    """Five years unless set; who holds and why is recorded. A pending case never goes."""
    look_up = ids[1]
    run("hold", look_up, "--why", "suit 26-1042")
    assert listed("--held") == {look_up}
    assert json.loads(run("prune", "--json").stdout)["pruned"] == []

    shown = run("hold", look_up, "--why", "settled", "--end").stdout
    assert "held by A. Roe: suit 26-1042" in shown
    assert "hold_ended by A. Roe: settled" in shown
    assert "on legal hold" not in shown
    assert listed("--held") == set()


def test_pruning_deletes_what_may_go_and_tells_which(ids: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    change, look_up, redress = ids
    dry = json.loads(run("prune", "--dry-run", "--json").stdout)
    assert (dry, listed()) == ({"dry_run": True, "pruned": [look_up]}, set(ids))
    assert run("prune").stdout.splitlines() == [look_up, "deleted: 1"]
    assert listed() == {change, redress}
    monkeypatch.setenv("ROBOCALL_CASES_RETENTION_DAYS", "1000")
    assert json.loads(run("prune", "--json").stdout)["pruned"] == [change]
