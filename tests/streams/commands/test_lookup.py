"""`lookup` and `lists` on a real Valkey: what they print, what they refuse, and how they fail."""

import asyncio
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis as blocking

from detector.contract.decisions import Action, Decision, Label, Mode, Reason, Step
from streams.redis.connection import (
    LIST_NAMES,
    PREFIX,
    TRAPS,
    Guard,
    RedisUnreachable,
    connect,
    entity_key,
    list_key,
    number_key,
)
from streams.redis.decisions import DecisionIndex
from streams.settings import load_settings
from streams.wire.records import EntityDecision, encode
from tests.typed import typed

SETUP_MS = 1_764_000_000_000  # 2025-11-24T16:00:00Z
FAR_MS = 4_000_000_000_000
CALLING = "+12025550123"


@pytest.fixture
def store(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator["blocking.Redis"]:
    """A client of a Valkey without keys of ours; the commands are pointed at it."""
    client: blocking.Redis = blocking.Redis.from_url(redis_url)
    if os.environ.get("ROBOCALL_REDIS_URL") is None:  # our own: whatever is there, another test has left
        client.flushdb()
    elif next(client.scan_iter(f"{PREFIX}*"), None) is not None:
        pytest.skip("the configured Redis has keys of a running system: unset ROBOCALL_REDIS_URL")
    monkeypatch.setenv("ROBOCALL_REDIS_URL", redis_url)
    yield client
    for key in client.scan_iter(f"{PREFIX}*"):
        client.delete(key)
    client.close()


def run_json(*arguments: str) -> Any:
    result = typed(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def decision(identifier: str, *, second: int = 0) -> Decision:
    return Decision(
        call_id=f"call-{second}",
        decision_id=identifier,
        action=Action.LABEL,
        mode=Mode.ENFORCE,
        would_be=None,
        decided_by=Step.MODEL,
        score=0.875,
        label=Label("Possible spam", "spam"),
        reasons=(Reason("sequential", "dialled numbers in sequence", 12.0, 5.0),),
        sip=None,
        calling_number=CALLING,
        called_number="+13125550188",
        trunk_group_id="nyc-ix-7",
        switch_id=None,
        setup_time_ms=SETUP_MS + second * 1_000,
        decided_time_ms=SETUP_MS + second * 1_000 + 3,
        model_version="m1",
        policy_version="p1",
        feature_schema="f1",
    )


def write(redis_url: str, *decisions: Decision) -> DecisionIndex:
    """Put decisions into Redis as a worker does."""

    async def work() -> DecisionIndex:
        client = connect(load_settings(redis_url=redis_url))
        writer = DecisionIndex(client, Guard())
        for one in decisions:
            writer.offer(one.decision_id, one.calling_number, encode(one))
        while await writer.flush():
            pass
        await client.aclose()
        return writer

    return asyncio.run(work())


def test_entries_added_are_shown_and_removed(store: "blocking.Redis") -> None:
    """`lists add` adds each entry once, `show` prints them sorted, `remove` takes them out again."""
    added = typed("lists", "add", "block", "trunk:nyc-ix-7", CALLING, f"number:{CALLING}")
    shown = typed("lists", "show", "block")
    removed = run_json("lists", "remove", "block", CALLING)
    gone, not_there = (typed("lists", "remove", "block", "trunk:nyc-ix-7").stderr for _ in range(2))

    assert (added.exit_code, added.stdout) == (0, "")
    assert added.stderr == "block: 2 added, 2 in the list\n"
    assert shown.stdout == f"{CALLING}\ntrunk:nyc-ix-7\n"
    assert removed == {"list": "block", "removed": 1, "size": 1}
    assert gone.splitlines()[0] == "block: 1 removed, 0 in the list"
    assert "`robocall release` holds that off" in gone
    assert not_there == "block: 0 removed, 0 in the list\n"
    assert store.smembers(list_key("block")) == set()


@pytest.mark.usefixtures("store")
def test_who_put_an_entry_on_a_list_and_why_is_shown(tmp_path: Path) -> None:
    """As a comment, so that what is shown can be added again; and by `lookup`."""
    typed("lists", "add", "allow", CALLING, "--by", "M. Lee", "--reason", "hospital")
    typed("lists", "add", "allow", "trunk:nyc-ix-7")
    typed("lists", "add", "block", "trunk:bad-7", "--basis", "court_order")
    typed("lists", "add", "block", CALLING, "--basis", "subscriber", "--called", "+13125550142")
    shown = typed("lists", "show", "allow").stdout
    file = tmp_path / "shown.txt"
    file.write_text(shown)

    again = typed("lists", "add", "allow", "--file", str(file))

    first, second = shown.splitlines()
    assert re.fullmatch(re.escape(CALLING) + r"  # by M. Lee, 20[0-9-]+ [0-9:]+, hospital", first)
    assert second == "trunk:nyc-ix-7"
    assert again.stderr == "allow: 0 added, 2 in the list\n"
    assert typed("lists", "show", "allow").stdout == shown
    blocked = run_json("lists", "show", "block")
    assert blocked["entries"] == [f"{CALLING}/+13125550142", "trunk:bad-7"]
    assert blocked["notes"]["trunk:bad-7"]["basis"] == "court_order"
    assert "list allow: by M. Lee" in typed("lookup", CALLING).stdout
    assert run_json("lookup", "trunk:bad-7")["notes"]["block"]["basis"] == "court_order"

    typed("lists", "remove", "allow", CALLING)
    typed("lists", "add", "allow", CALLING)
    assert typed("lists", "show", "allow").stdout == f"{CALLING}\ntrunk:nyc-ix-7\n"


@pytest.mark.usefixtures("store")
def test_who_put_a_do_not_originate_entry_there_is_shown_with_each_number_that_begins_with_it() -> None:
    typed("lists", "add", "dno", "202555", "--by", "M. Lee", "--reason", "not in use")
    typed("lists", "add", "dno", "202")

    assert "list dno: by M. Lee" in typed("lookup", CALLING).stdout
    assert run_json("lookup", "+12025560123")["notes"] == {}
    assert re.match(r"202\n202555  # by M\. Lee, 20.*, not in use\n", typed("lists", "show", "dno").stdout)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("allow", CALLING, "--by", "M. Lee"), "--by and --reason together"),
        (("traps", CALLING, "--by", "M. Lee", "--reason", "why"), "are for the lists allow, block, dno"),
        (("allow", CALLING, "--basis", "court_order"), "is for the list block"),
        (("block", CALLING, "--basis", "subscriber"), "needs --called"),
        (("block", CALLING, "--called", "+13125550142"), "needs --called"),
        (("block", "trunk:t-1", "--basis", "subscriber", "--called", "+13125550142"), "is no number in E.164"),
        (("block", CALLING, "--by", "M. Lee", "--reason", "why"), "need --basis as well"),
        (("allow", CALLING, "--by", " ", "--reason", "why"), "1 to 128 characters"),
    ],
)
def test_what_fits_no_list_is_wrong_usage(store: "blocking.Redis", arguments: tuple[str, ...], says: str) -> None:
    result = typed("lists", "add", *arguments)

    assert result.exit_code == 2
    assert says in " ".join(result.stderr.split())
    assert list(store.scan_iter(f"{PREFIX}*")) == []


def test_a_file_of_entries_may_have_comments(store: "blocking.Redis", tmp_path: Path) -> None:
    """Comments and blank lines are left out; do-not-originate entries are kept as national digits."""
    file = tmp_path / "dno.txt"
    file.write_text("# ours\n+1 (202) 555-0199\n\n800555  # a block\n900\n")

    result = typed("lists", "add", "dno", "--file", str(file))
    by_input = typed("lists", "add", "dno", "--file", "-", text="2025550\n")

    assert result.exit_code == by_input.exit_code == 0
    assert store.smembers(list_key("dno")) == {b"2025550199", b"800555", b"900", b"2025550"}
    sizes = {"emergency": 0, "opt_out": 0, "allow": 0, "block": 0, "dno": 4, "traps": 0}
    assert run_json("lists", "show") == sizes


@pytest.mark.parametrize(
    ("list_name", "entry", "says"),
    [
        ("block", "12025550123", "neither"),
        ("block", "trunk:", "neither"),
        ("opt_out", "trunk:nyc-ix-7", "E.164"),
        ("emergency", "+0", "E.164"),
        ("dno", "20255", "3, 6, 7 or 10"),
    ],
)
def test_a_wrong_entry_is_wrong_usage_and_adds_nothing(
    store: "blocking.Redis", list_name: str, entry: str, says: str
) -> None:
    """Exit status 2, one line that says what is wanted, and the right entries beside it are not added either."""
    good = "911" if list_name == "dno" else CALLING
    result = typed("lists", "add", list_name, good, entry)

    assert result.exit_code == 2
    assert says in result.stderr.splitlines()[-1]
    assert store.scard(list_key(list_name)) == 0


@pytest.mark.usefixtures("store")
def test_a_wrong_line_of_a_file_is_named(tmp_path: Path) -> None:
    """The message has the file's name and the number of the line."""
    file = tmp_path / "allow.txt"
    file.write_text(f"{CALLING}\nnonsense\n")

    result = typed("lists", "add", "allow", "--file", str(file))

    assert result.exit_code == 2
    assert "allow.txt line 2: 'nonsense'" in result.stderr


def test_a_number_is_reported_with_lists_standing_and_decisions(store: "blocking.Redis", redis_url: str) -> None:
    """Everything that Redis knows of a calling number, latest decision first."""
    typed("lists", "add", "block", CALLING)
    typed("lists", "add", "dno", "202555")
    standing = EntityDecision(f"number:{CALLING}", Action.BLOCK, "fraud", None, SETUP_MS, FAR_MS, "model", None, "p1")
    store.set(entity_key(f"number:{CALLING}"), encode(standing))
    write(redis_url, decision("a" * 32), decision("b" * 32, second=7))

    found = run_json("lookup", CALLING)
    text = typed("lookup", CALLING).stdout

    assert (found["kind"], found["subject"]) == ("number", CALLING)
    assert (found["lists"], found["dno"]) == (["block", "dno"], "202555")
    assert (found["standing"]["action"], found["standing"]["category"]) == ("block", "fraud")
    assert [one["decision_id"] for one in found["decisions"]] == ["b" * 32, "a" * 32]
    assert "standing decision: block as fraud by model, 2025-11-24T16:00:00.000Z until " in text
    assert f"  2025-11-24T16:00:07.000Z  label by model, score 0.875, to +1312555••••  {'b' * 32}" in text
    assert "to +13125550188" in typed("lookup", CALLING, "--unmask", "redress 311").stdout


@pytest.mark.usefixtures("store")
def test_a_number_is_found_in_whatever_form_a_switch_wrote_it(redis_url: str) -> None:
    """Decisions on one number stand under three keys; the latest call comes first, whoever wrote it."""
    forms = ("2025550123", CALLING, "12025550123")
    made = [replace(decision(name * 32, second=n), calling_number=forms[n]) for n, name in enumerate("abc")]
    write(redis_url, *made)

    found = run_json("lookup", CALLING)

    assert (found["subject"], [one["decision_id"][0] for one in found["decisions"]]) == (CALLING, ["c", "b", "a"])


@pytest.mark.usefixtures("store")
def test_a_decision_is_found_by_its_id_with_its_reasons(redis_url: str) -> None:
    """What redress quotes leads to the decision and to why it was taken."""
    write(redis_url, decision("c" * 32))

    text = typed("lookup", "c" * 32).stdout

    assert run_json("lookup", "c" * 32)["decision"]["call_id"] == "call-0"
    assert "because: dialled numbers in sequence [sequential]" in text
    assert "model_version m1" in text


@pytest.mark.usefixtures("store")
def test_an_unknown_decision_id_is_a_failure_and_an_unknown_number_is_not() -> None:
    """No decision of that id: status 1. A number that nobody knows anything of is an answer."""
    missing = typed("lookup", "d" * 32)
    unknown = typed("lookup", "+13125550100")

    assert missing.exit_code == 1
    assert f"no decision {'d' * 32}" in missing.stderr
    assert unknown.exit_code == 0
    assert unknown.stdout == (
        "number +13125550100\nlists: none\nstanding decision: none\n"
        "latest decisions: none in seven days, plain allows aside, which are not kept\n"
    )


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("written", ["2025550123", "12025550123"])
def test_a_number_without_its_prefix_is_a_north_american_one(redis_url: str, written: str) -> None:
    """As people write it; the answer says what it was taken for."""
    write(redis_url, decision("c" * 32))

    text = typed("lookup", written).stdout

    assert text.startswith(f"number {CALLING} ({written} without its +1)\n")
    assert "c" * 32 in text
    assert run_json("lookup", written)["subject"] == CALLING


@pytest.mark.usefixtures("store")
def test_what_is_no_number_and_no_decision_is_said_to_be_taken_for_a_trunk_group() -> None:
    """A call id looks like a trunk group: nobody should read "nothing known" as "this call was not seen"."""
    guessed, told = typed("lookup", "7f3a@sbc1").stdout, typed("lookup", "trunk:7f3a@sbc1").stdout

    assert guessed.startswith("trunk 7f3a@sbc1 (taken for a trunk group: ")
    assert "a call is found by its calling number)" in guessed
    assert told.startswith("trunk 7f3a@sbc1\n")
    assert run_json("lookup", "7f3a@sbc1") == run_json("lookup", "trunk:7f3a@sbc1")


def test_a_repeat_is_listed_once_and_only_twenty_are_kept(store: "blocking.Redis", redis_url: str) -> None:
    """Writing a decision again, as after a lost answer, changes nothing; the twenty-first pushes the first out."""
    decisions = [decision(f"{second:032x}", second=second) for second in range(21)]

    writer = write(redis_url, *decisions, decisions[-1])

    assert writer.written == 22
    listed = store.lrange(number_key(CALLING), 0, -1)
    assert listed == [f"{second:032x}".encode() for second in range(20, 0, -1)]


def test_corrupt_values_count_as_not_there(store: "blocking.Redis") -> None:
    """Junk where JSON is expected neither stops the report nor appears in it."""
    store.set(entity_key(f"number:{CALLING}"), b"\xff{")
    store.rpush(number_key(CALLING), b"\xfe", b"e" * 32)

    found = run_json("lookup", CALLING)

    assert (found["standing"], found["decisions"]) == (None, [])


def test_an_unreachable_redis_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the address, without the password, and what to do."""
    monkeypatch.setenv("ROBOCALL_REDIS_URL", "redis://:secret@127.0.0.1:9/0")

    result = typed("lookup", CALLING)

    assert result.exit_code == 1
    assert isinstance(result.exception, RedisUnreachable)
    message = str(result.exception)
    said = "(connection refused): start one or set ROBOCALL_REDIS_URL"
    assert message == f"no Redis answers at redis://127.0.0.1:9/0 {said}"
    assert "secret" not in message
    assert "\n" not in message


def test_the_help_teaches() -> None:
    """Each command shows an example of itself."""
    assert "robocall lookup +12025550123" in typed("lookup", "--help").stdout
    assert "robocall lists add block" in typed("lists", "add", "--help").stdout
    assert "emergency  numbers that are never blocked" in typed("lists", "--help").stdout


def test_traps_are_kept_like_any_list_and_no_worker_reads_them(store: "blocking.Redis") -> None:
    """Numbers alone, shown as `archive export --traps` takes them; a look-up says that a number is one."""
    added = typed("lists", "add", "traps", CALLING)
    refused = typed("lists", "add", "traps", "trunk:nyc-ix-7")

    assert added.stderr == "traps: 1 added, 1 in the list\n"
    assert refused.exit_code == 2
    assert typed("lists", "show", "traps").stdout == f"{CALLING}\n"
    assert run_json("lists", "show")["traps"] == 1
    assert "traps" in run_json("lookup", CALLING)["lists"]
    assert store.smembers(list_key("traps")) == {CALLING.encode()}
    assert TRAPS not in LIST_NAMES
