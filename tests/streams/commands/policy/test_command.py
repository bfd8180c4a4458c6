"""`robocall policy`, as it is typed: a change is tried on the carrier's own calls, and saved with a reason."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from detector.contract.errors import PolicyInvalid
from detector.policy.settings import Policy
from streams.archive.files import ArchiveStore
from streams.commands.policy.saving import PolicyMoved
from streams.errors import ReplayFailed, SettingsInvalid
from streams.kafka.topics import CALL_EVENTS
from streams.screening.policy_file import load_policy, parse_policy
from tests.models.small_model import save_small_model
from tests.streams.archive.archive_case import put
from tests.streams.commands.budgets import lawful_calls
from tests.typed import typed

ENFORCING = """mode: enforce
redress: {url: "https://redress.carrier.example/"}
"""
FLOOD = """rules:
  - {name: flood, action: block, category: automated_call, when: [{feature: number_attempts_1m, at_least: 10}]}
"""
BURST_CALLS = 40
END = (
    '{"type": "call_end", "call_id": "c1", "calling_number": "+12025550123", "called_number": "+13125550142", '
    '"trunk_group_id": "t", "setup_time_ms": 1780000000000, "end_time_ms": 1780000001000, "sip_status": 200}\n'
)


@pytest.fixture(autouse=True)
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small model, a policy file that enforces nothing by rule, and no records to Kafka."""
    file = tmp_path / "policy.yaml"
    file.write_text(ENFORCING)
    monkeypatch.setenv("ROBOCALL_MODEL_DIR", str(save_small_model(tmp_path / "model")))
    monkeypatch.setenv("ROBOCALL_POLICY_FILE", str(file))
    monkeypatch.setenv("ROBOCALL_CASES_RECORD", "false")
    return file


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """The same with a rule."""
    file = tmp_path / "changed.yaml"
    file.write_text(ENFORCING + FLOOD)
    return file


def run(*arguments: object) -> Result:
    return typed("policy", *arguments)


def answer(*arguments: object) -> Any:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_show_says_for_whom_calls_are_enforced(configured: Path) -> None:
    """Of all, and of each trunk group and switch that has a mode or a share of its own."""
    configured.write_text(
        ENFORCING
        + """enforce_percent: 10
overrides:
  - {trunk_group_id: wholesale-7, enforce_percent: 2.5}
  - {switch_id: lab-1, mode: shadow}
  - {trunk_group_id: t-1, thresholds: {label_at: 0.9, label_clear: 0.9, block_at: 0.99, block_clear: 0.99}}
"""
    )

    lines, found = run("show").stdout.splitlines(), answer("show")

    assert lines[0].endswith(f", enforce for 10 % of callers, {configured}")
    assert lines[1:] == ["trunk group wholesale-7: enforce for 2.5 % of callers", "switch lab-1: shadow"]
    assert found["enforce_percent"] == 10.0
    assert found["overrides"][0] == {
        "trunk_group_id": "wholesale-7",
        "switch_id": None,
        "mode": "enforce",
        "enforce_percent": 2.5,
    }


def test_show_names_version_file_and_mode(configured: Path) -> None:
    found = answer("show")

    assert found["version"] == load_policy(configured).version
    assert (found["file"], found["mode"], found["enforces"], found["warnings"]) == (
        str(configured),
        "enforce",
        True,
        [],
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there are no call events"), ("call_id,label\nc1,robocall\n", "none of 2 lines is a call event"),
        (END, "none of these events begins a call"),
    ],
)  # fmt: skip
def test_a_try_on_no_calls_is_no_answer(tmp_path: Path, changed: Path, text: str, said: str) -> None:
    """`nobody is treated otherwise` would be taken for one."""
    (tmp_path / "events.jsonl").write_text(text)

    done = run("try", changed, "--events", tmp_path / "events.jsonl")

    assert (done.exit_code, isinstance(done.exception, ReplayFailed)) == (1, True)
    assert said in str(done.exception)


def test_a_mistake_in_a_policy_is_said_before_a_model_is_loaded(changed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That takes seconds, twice."""
    asked: list[object] = []
    monkeypatch.setattr("streams.commands.policy.command.loaded", lambda *of: asked.append(of))
    changed.write_text("mode: enforced\n")

    done = run("try", changed, "--events", changed)

    assert isinstance(done.exception, PolicyInvalid)
    assert asked == []


def test_lines_that_are_no_events_are_counted(tmp_path: Path, changed: Path) -> None:
    events = lawful_calls.write(tmp_path / "burst.jsonl", lawful_calls.burst(lawful_calls.START_MS))
    good = len(events.read_bytes().splitlines())
    events.write_bytes(b"no event\n" + events.read_bytes())

    assert f"1 of {good + 1} lines are no events" in run("try", changed, "--events", events).stderr


def test_a_rule_that_is_tried_says_whom_it_would_block(tmp_path: Path, configured: Path, changed: Path) -> None:
    """Forty calls of one number within four seconds: the tenth and all later ones meet the rule."""
    events = lawful_calls.write(tmp_path / "burst.jsonl", lawful_calls.burst(lawful_calls.START_MS))

    found = answer("try", changed, "--events", events)

    assert (found["now"], found["then"]) == (load_policy(configured).version, load_policy(changed).version)
    assert (found["calls"], found["cut"]) == (BURST_CALLS, "")
    blocked = [row for row in found["rows"] if row["treatment"] == "block"]
    assert [(row["decided_by"], row["cause"], row["now"], row["then"]) for row in blocked] == [
        ("rule", "Rule flood applies", 0, BURST_CALLS - 9)
    ]
    assert {change["then"] for change in found["changes"]} == {"block"}
    assert found["changes"][0]["examples"][0]["calling_number"] == lawful_calls.BURST_NUMBER
    assert "Rule flood applies" in run("try", changed, "--events", events).stderr


def test_a_larger_share_says_who_is_blocked_by_it(tmp_path: Path, configured: Path, changed: Path) -> None:
    """One number in ten thousand has the rule today; its flood is only tried, until all have it."""
    configured.write_text(ENFORCING + FLOOD + "enforce_percent: 0.01\n")
    events = lawful_calls.write(tmp_path / "burst.jsonl", lawful_calls.burst(lawful_calls.START_MS))

    (change,) = answer("try", changed, "--events", events)["changes"]

    assert (change["now"], change["then"], change["calls"]) == ("only tried: block", "block", BURST_CALLS - 9)
    assert change["examples"][0]["calling_number"] == lawful_calls.BURST_NUMBER


def test_the_same_policy_treats_nobody_otherwise(tmp_path: Path, configured: Path) -> None:
    events = lawful_calls.write(tmp_path / "burst.jsonl", lawful_calls.burst(lawful_calls.START_MS))

    assert answer("try", configured, "--events", events)["changes"] == []
    assert "nobody is treated otherwise" in run("try", configured, "--events", events).stderr


def test_a_trial_is_bounded_and_says_so(tmp_path: Path, changed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches go whole: of two the first one is judged."""
    monkeypatch.setattr("streams.commands.replay.MAX_BATCH", BURST_CALLS // 2)
    events = lawful_calls.write(tmp_path / "burst.jsonl", lawful_calls.burst(lawful_calls.START_MS))

    found = answer("try", changed, "--events", events, "--most-events", 1)

    assert found["calls"] == BURST_CALLS // 2

    assert found["cut"] == "it ended after 1 events: later calls were not judged"


def test_without_events_it_is_the_last_day_of_the_archive(
    tmp_path: Path, changed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls of the day before yesterday are left out."""
    now_ms = time.time_ns() // 1_000_000
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path / "archive"))
    store = ArchiveStore(str(tmp_path / "archive"))
    for first, start_ms in ((0, now_ms - 60 * 3_600_000), (1_000, now_ms - 3_600_000)):
        lines = [line.encode() for _, line in lawful_calls.burst(start_ms)]
        put(store, CALL_EVENTS, lines, first=first, at_ms=start_ms)

    found = answer("try", changed, "--partitions", 1)

    assert found["calls"] == BURST_CALLS
    assert found["begin_ms"] >= now_ms - 3_600_000


def test_what_is_no_policy_is_refused_before_a_call_is_read(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("mod: enforce")

    done = run("try", wrong, "--events", wrong)

    assert isinstance(done.exception, PolicyInvalid)
    assert "mod: unknown setting" in str(done.exception)


def test_a_saved_policy_is_the_file_of_before_no_more(configured: Path, changed: Path) -> None:
    """Of which comments stay, too: the text is taken as it is."""
    changed.write_text("# why: ticket 311\n" + changed.read_text())

    done = run("save", changed, "--why", "ticket 311", "--before", load_policy(configured).version)

    assert done.stdout.strip() == load_policy(configured).version == parse_policy((ENFORCING + FLOOD).encode()).version
    assert configured.read_text().startswith("# why: ticket 311\n")
    assert "at their next start" in done.stderr


def test_the_version_that_is_saved_is_the_one_that_decisions_carry(
    configured: Path, changed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings put a mode in the place of the file's; the version before is that of `policy show`, too."""
    monkeypatch.setenv("ROBOCALL_MODE", "shadow")
    before = json.loads(run("show", "--json").stdout)["version"]

    done = run("save", changed, "--why", "ticket 311", "--before", before)

    assert before != load_policy(configured).version
    assert done.stdout.strip() == json.loads(run("show", "--json").stdout)["version"]


def test_nothing_is_saved_over_what_somebody_else_saved(configured: Path, changed: Path) -> None:
    """The version that the change was tried against must be there still."""
    done = run("save", changed, "--why", "w", "--before", "p1-000000000000")

    assert isinstance(done.exception, PolicyMoved)
    assert configured.read_text() == ENFORCING


def test_nothing_is_saved_without_a_reason_or_that_is_no_policy(configured: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("- 1")

    assert run("save", configured, "--why", " ").exit_code == 2
    assert isinstance(run("save", wrong, "--why", "w").exception, PolicyInvalid)
    assert configured.read_text() == ENFORCING


def test_where_no_file_is_named_nothing_is_saved(changed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROBOCALL_POLICY_FILE")

    assert isinstance(run("save", changed, "--why", "w").exception, SettingsInvalid)


def test_a_policy_that_no_worker_would_start_with_is_not_saved(configured: Path, changed: Path) -> None:
    """Else a restart of the fleet would end it: nobody could complain to whom it blocks."""
    changed.write_text("mode: enforce\n")

    done = run("save", changed, "--why", "w")

    assert isinstance(done.exception, PolicyInvalid)
    assert "ROBOCALL_REDRESS_URL" in str(done.exception)
    assert configured.read_text() == ENFORCING


def test_the_first_policy_of_an_empty_folder_is_shown_and_saved(
    tmp_path: Path, changed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a new volume is: until then the defaults hold."""
    (tmp_path / "volume").mkdir()
    file = tmp_path / "volume" / "policy.yaml"
    monkeypatch.setenv("ROBOCALL_POLICY_FILE", str(file))

    before = answer("show")
    done = run("save", changed, "--why", "ticket 311", "--before", before["version"])

    assert (before["file"], before["version"]) == (None, Policy().version)
    assert done.exit_code == 0
    assert answer("show")["file"] == str(file)
