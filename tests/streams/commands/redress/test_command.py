"""`robocall redress` on a real Valkey, a real broker and an archive: from a complaint to an answer."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import redis as blocking

from detector.contract.decisions import Action, Mode, Reason, Step
from detector.policy.lists import Basis
from detector.policy.reasons import BLOCK_LISTED_TRUNK, IMPOSSIBLE_NUMBER, UNWANTED, demanded
from streams.archive.files import ArchiveStore
from streams.cases import doctor
from streams.cases import redress as module
from streams.cases.roles import NotAllowed
from streams.commands.cases.due import DUE
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, CALL_FEEDBACK, ENTITY_DECISIONS
from streams.redis.connection import decision_key, entity_key, list_key, number_key
from streams.redis.list_notes import notes_key
from streams.settings import load_settings
from streams.wire.records import DecisionRecord, encode
from tests.streams.archive.archive_case import put
from tests.topic_reader import records
from tests.typed import typed

pytestmark = pytest.mark.kafka

CALLING, CALLED = "+12025550003", "+13125550142"
NOW_MS = time.time_ns() // 1_000_000
ID = "a" * 32


def decision(
    identifier: str = ID,
    *,
    at_ms: int = NOW_MS - 60_000,
    step: Step = Step.MODEL,
    calling: str = CALLING,
    reasons: tuple[Reason, ...] = (),
) -> bytes:
    return encode(
        DecisionRecord(
            f"call-{identifier[0]}", identifier, Action.BLOCK, Mode.ENFORCE, None, step, 0.99, None, reasons, None,
            calling, CALLED, "nyc-ix-7", None, at_ms, at_ms + 3, "m", "p", "f",
        )
    )  # fmt: skip


@pytest.fixture
def store(store: "blocking.Redis", monkeypatch: pytest.MonkeyPatch) -> "blocking.Redis":
    """A Valkey with one decision that blocked, empty topics, and M. Lee at the desk."""
    store.set(decision_key(ID), decision())
    store.rpush(number_key(CALLING), ID)
    monkeypatch.setenv("ROBOCALL_CASES_OPERATOR", "M. Lee")
    monkeypatch.delenv("ROBOCALL_ARCHIVE_URL", raising=False)
    return store


def opened(*arguments: str) -> dict[str, Any]:
    done = typed("redress", "open", *arguments, "--why", "a clinic", "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)["case"]
    return found


@pytest.mark.usefixtures("store")
def test_a_decision_is_found_by_its_id_or_by_numbers_and_time() -> None:
    """The id stands in the 603+ text; whoever has none says who called, whom and when, within ten minutes."""
    near = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime((NOW_MS - 360_000) / 1_000))
    by_numbers = ("--calling", "(202) 555-0003", "--called", CALLED, "--at", near)
    for asked in ((ID,), by_numbers, ("--calling", CALLING)):
        case = opened(*asked)
        details = case["details"]
        assert (details["decision_id"], details["decided"]) == (ID, "block by model")
        assert (details["calling_number"], details["called_number"]) == ("+1202555••••", "+1312555••••")
        assert details["call_id"] == "call-a"
        again = typed("redress", "open", *asked, "--why", "a clinic")
        assert f"{case['case_id']} is about the same call" in str(again.exception)
        typed("redress", "reject", case["case_id"], "--why", "next")


def test_a_call_that_was_blocked_comes_before_a_nearer_one_that_was_allowed(store: "blocking.Redis") -> None:
    allowed = json.loads(decision("b" * 32, at_ms=NOW_MS - 120_000)) | {"action": "allow", "decided_by": "allow"}
    store.set(decision_key("b" * 32), encode(allowed))
    store.rpush(number_key(CALLING), "b" * 32)
    near = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime((NOW_MS - 120_000) / 1_000))
    assert opened("--calling", CALLING, "--at", near)["details"]["decision_id"] == ID


@pytest.mark.usefixtures("store")
def test_what_is_not_found_is_opened_all_the_same() -> None:
    """Another called number, another hour, another id: redress is not kept from anybody for lack of a record."""
    for asked in (
        ("--calling", CALLING, "--called", "+13125550199"),
        ("--calling", CALLING, "--at", "2026-01-02"),
        ("b",),
    ):
        case = opened(*asked)
        assert "decided" not in case["details"]
        assert case["state"] == "pending"


@pytest.mark.usefixtures("store")
def test_nothing_is_granted_to_a_call_that_nobody_knows() -> None:
    """An id that Redis has forgotten names no number: nothing would end, and nobody is told that something did."""
    case_id = opened("b")["case_id"]
    done = typed("redress", "grant", case_id, "--why", "a clinic")
    assert "names neither a call nor a number" in str(done.exception)
    assert "open another one with --calling" in str(done.exception)
    assert json.loads(typed("redress", "show", case_id, "--json").stdout)["case"]["state"] == "pending"


def test_what_is_granted_is_granted_once_unless_somebody_says_again(store: "blocking.Redis") -> None:
    """A second clerk does not change how long the number is allowed without knowing it."""
    case_id = opened(ID)["case_id"]
    grant = ("redress", "grant", case_id, "--why", "called back", "--allow-days")
    assert typed(*grant, "30").exit_code == 0
    first = store.hget(notes_key("allow"), CALLING)
    assert "is granted already" in str(typed(*grant, "365").exception)
    assert store.hget(notes_key("allow"), CALLING) == first
    assert typed(*grant, "365", "--again").exit_code == 0
    assert store.hget(notes_key("allow"), CALLING) != first


@pytest.mark.usefixtures("store")
def test_the_clock_counts_from_when_they_asked() -> None:
    received_ms = NOW_MS - 5 * 3_600_000
    done = typed("redress", "open", ID, "--received", str(received_ms), "--why", "a clinic", "--json")
    assert json.loads(done.stdout)["case"]["details"]["due_ms"] == str(received_ms + 24 * 3_600_000)
    for wrong in (str(NOW_MS + 86_400_000), "noon"):
        assert typed("redress", "open", ID, "--received", wrong, "--why", "x").exit_code == 2


def test_the_archive_has_what_redis_forgot(
    store: "blocking.Redis", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of ten days ago: by its id, and by numbers and time."""
    store.flushdb()
    at_ms = NOW_MS - 10 * 86_400_000
    put(ArchiveStore(str(tmp_path)), CALL_DECISIONS, [decision("c" * 32, at_ms=at_ms)], at_ms=at_ms)
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path))
    for asked in (("c" * 32,), ("--calling", CALLING, "--at", str(at_ms + 400_000)), ("--calling", CALLING)):
        case = opened(*asked)
        assert case["details"]["decided"] == "block by model"
        typed("redress", "reject", case["case_id"], "--why", "next")
    assert "decided" not in opened("--calling", CALLING, "--at", str(at_ms + 700_000))["details"]


def test_granting_lifts_allows_and_says_that_the_call_was_lawful(store: "blocking.Redis", kafka_bootstrap: str) -> None:
    """Workers by Redis, switches by a null, the archive by feedback; the case says who, when and why."""
    store.set(entity_key(f"number:{CALLING}"), b'{"action":"block"}')
    typed("lists", "add", "block", CALLING)
    case_id = opened(ID)["case_id"]

    done = typed("redress", "grant", case_id, "--why", "called back", "--allow-days", "7", "--json")

    assert done.exit_code == 0, done.output
    case, left_s = (json.loads(done.stdout)[name] for name in ("case", "left_s"))
    assert (case["state"], left_s, [one["what"] for one in case["history"]]) == ("granted", None, ["opened", "granted"])
    assert (case["history"][1]["who"], case["history"][1]["why"]) == ("M. Lee", "called back")
    assert "+1202555••••: ended what stood and a block entry in 0." in done.stderr
    standing = json.loads(store.get(entity_key(f"number:{CALLING}")) or b"")
    assert (standing["action"], standing["source"]) == ("allow", f"M. Lee, {case_id}")
    assert (store.smembers(list_key("block")), store.smembers(list_key("allow"))) == (set(), {CALLING.encode()})
    note = json.loads(store.hget(notes_key("allow"), CALLING) or b"")
    assert abs(note["until_ms"] - note["at_ms"] - 7 * 86_400_000) < 60_000
    assert "reason" not in note  # with one it would pass do-not-originate and orders, too
    assert records(kafka_bootstrap, ENTITY_DECISIONS, 1) == [(f"number:{CALLING}".encode(), None)]
    ((key, value),) = records(kafka_bootstrap, CALL_FEEDBACK, 1)
    said = json.loads(value or b"")
    assert key == CALLING.encode()
    assert (said["verdict"], said["source"], said["call_id"]) == ("legitimate", "redress", "call-a")
    assert said["note"] == f"{case_id}: called back"


def test_an_order_stays_and_is_named(store: "blocking.Redis") -> None:
    """Whoever answers redress does not undo what the FCC ordered."""
    typed("lists", "add", "block", CALLING, "--basis", "fcc_order", "--by", "legal", "--reason", "DA 26-1")
    done = typed("redress", "grant", opened(ID)["case_id"], "--why", "called back")
    assert done.exit_code == 0, done.output
    assert "it stays on the block list by fcc_order" in done.stderr
    assert store.smembers(list_key("block")) == {CALLING.encode()}


@pytest.mark.parametrize(
    ("reason", "calling", "said"),
    [
        (demanded(Basis.FCC_ORDER), CALLING, "the FCC ordered the block of that call: redress does not lift that"),
        (demanded(Basis.COURT_ORDER), CALLING, "a court ordered the block of that call: redress does not lift that"),
        (demanded(Basis.REGISTRATION), CALLING, "as not registered: redress does not lift that"),
        (UNWANTED, CALLING, "the called subscriber asked for the block: redress does not lift that"),
        (IMPOSSIBLE_NUMBER, CALLING, "the call was do-not-originate"),
        (BLOCK_LISTED_TRUNK, "2025550003", "the caller's number is not in E.164, and nothing stands against such"),
        (BLOCK_LISTED_TRUNK, "anonymous", "the caller withheld its number: nothing stands against it"),
    ],
)
def test_what_redress_does_not_lift_is_named(
    store: "blocking.Redis", tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: Reason, calling: str, said: str
) -> None:
    """As the decision says it, from Redis and from the archive: nobody is told that calls pass which do not."""
    made = {identifier: decision(identifier * 32, calling=calling, reasons=(reason,)) for identifier in "de"}
    store.set(decision_key("d" * 32), made["d"])
    put(ArchiveStore(str(tmp_path)), CALL_DECISIONS, [made["e"]], at_ms=NOW_MS)
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path))

    for identifier in made:
        done = typed("redress", "grant", opened(identifier * 32)["case_id"], "--why", "called back")
        assert done.exit_code == 0, done.output
        assert said in done.stderr


def test_a_caller_is_found_in_whatever_form_the_switch_wrote_its_number(
    store: "blocking.Redis", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Redis and by the archive; what is granted then is said to lift nothing."""
    local = CALLING.removeprefix("+1")
    store.flushdb()
    store.set(decision_key("f" * 32), decision("f" * 32, calling=local))
    store.rpush(number_key(local), "f" * 32)
    asked = ("--calling", CALLING, "--called", CALLED, "--at", str(NOW_MS))
    for _ in ("redis", "archive"):
        case = opened(*asked)
        assert (case["details"]["decision_id"], case["details"]["calling_number"]) == ("f" * 32, "202555••••")
        done = typed("redress", "grant", case["case_id"], "--why", "called back")
        assert "the caller's number is not in E.164" in done.stderr
        store.flushdb()
        put(ArchiveStore(str(tmp_path)), CALL_DECISIONS, [decision("f" * 32, calling=local)], at_ms=NOW_MS)
        monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path))


@pytest.mark.usefixtures("store")
def test_what_the_model_blocked_leaves_nothing_to_be_named() -> None:
    done = typed("redress", "grant", opened(ID)["case_id"], "--why", "called back")

    assert done.stderr.splitlines()[-1].startswith("+1202555••••: ended nothing in")


def test_rejected_and_told_cases_are_answered_and_what_was_granted_stays(store: "blocking.Redis") -> None:
    """Nothing changes for a number that is rejected; a word to whoever asked stops the clock."""
    for identifier in ("b" * 32, "c" * 32):
        store.set(decision_key(identifier), decision(identifier))
    told, rejected, granted = (opened(identifier)["case_id"] for identifier in (ID, "b" * 32, "c" * 32))
    assert typed("redress", "tell", told, "--why", "we look at it").exit_code == 0
    done = typed("redress", "reject", rejected, "--why", "a robocall")
    assert (done.exit_code, "rejected by M. Lee: a robocall" in done.stdout) == (0, True)
    assert store.smembers(list_key("allow")) == set()
    assert typed("redress", "grant", granted, "--why", "clinic", "--allow-days", "0").exit_code == 0
    assert store.smembers(list_key("allow")) == set()
    refused = typed("redress", "reject", granted, "--why", "changed my mind")
    assert "is granted" in str(refused.exception)
    listed = [line.split()[:2] for line in typed("redress", "list").stdout.splitlines()]
    assert listed == [[told, "pending"]]
    assert len(typed("redress", "list", "--all").stdout.splitlines()) == 3


@pytest.mark.usefixtures("store")
def test_whole_numbers_are_shown_to_who_may_see_them_and_that_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Masked in the list and in the case, for people and for programs; whole with a reason alone."""
    monkeypatch.setenv("ROBOCALL_CASES_RECORD", "true")
    monkeypatch.setenv("ROBOCALL_CASES_SPOOL", str(tmp_path / "spool"))
    case_id = opened(ID)["case_id"]
    shown = [typed(*command, *form).stdout for command in (("redress", "show", case_id), ("cases", "show", case_id),
             ("redress", "list"), ("cases", "list", "--kind", "redress")) for form in ((), ("--json",))]  # fmt: skip
    assert [("+1202555••••" in text, CALLING in text) for text in shown] == [(True, False)] * 8

    whole = typed("redress", "show", case_id, "--unmask", "called back")
    assert f"calling_number: {CALLING}" in whole.stdout
    (look,) = (json.loads(line) for line in typed("cases", "list", "--kind", "look_up", "--json").stdout.splitlines())
    entry = look["history"][0]
    assert (look["subject"], entry["who"], entry["what"], entry["why"]) == (
        f"case:{case_id}", "M. Lee", "unmasked", "called back",
    )  # fmt: skip
    assert typed("cases", "show", case_id, "--unmask", " ").exit_code == 2

    roles = tmp_path / "roles.yaml"
    roles.write_text("M. Lee: [look_up, grant]\n")
    monkeypatch.setenv("ROBOCALL_CASES_ROLES_FILE", str(roles))
    assert isinstance(typed("cases", "show", case_id, "--unmask", "curious").exception, NotAllowed)
    assert "+1202555••••" in typed("cases", "show", case_id).stdout


@pytest.mark.usefixtures("store")
def test_what_is_overdue_is_listed_with_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (typed("redress", "list", "--overdue").exit_code, typed("redress", "list", "--overdue").stdout) == (0, "")
    monkeypatch.setattr(module, "CLOCK_MS", -61_000)
    case_id = opened(ID)["case_id"]
    late = typed("redress", "list", "--overdue")
    assert late.exit_code == 1
    assert late.stdout.startswith(case_id)
    assert "OVERDUE by 0 h 01 min" in late.stdout
    assert json.loads(typed("redress", "list", "--json").stdout)["left_s"] < -60

    found = list(doctor.told(load_settings(), DUE))
    assert (False, "redress: 1 of 1 should have had an answer: `robocall redress list --overdue`") in found
    typed("redress", "tell", case_id, "--why", "we look at it")
    assert next(doctor.told(load_settings(), DUE)) == (True, "redress: 0 wait for an answer, none is overdue")


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    "arguments",
    [
        ("open", "--why", "x"), ("open", ID, "--calling", CALLING, "--why", "x"), ("open", "a b", "--why", "x"),
        ("open", "--calling", "clinic", "--why", "x"), ("open", "--calling", CALLING, "--at", "noon", "--why", "x"),
        ("open", ID), ("grant", "redress-1"), ("open", ID, "--why", "x", "--contact", "x" * 501),
    ],
)  # fmt: skip
def test_wrong_usage_opens_nothing(arguments: tuple[str, ...]) -> None:
    assert typed("redress", *arguments).exit_code == 2


@pytest.mark.usefixtures("store")
def test_a_case_that_is_not_there_is_one_line() -> None:
    done = typed("redress", "grant", "redress-1", "--why", "x")
    assert (done.exit_code, "no case redress-1" in done.stderr) == (1, True)


def test_what_the_switch_says_of_a_call_counts_before_the_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One was routed before its block came, one was blocked by a standing decision without being asked about."""
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path))
    archive, at_ms = ArchiveStore(str(tmp_path)), NOW_MS - 3_600_000
    put(archive, CALL_DECISIONS, [decision(one * 32, at_ms=at_ms) for one in "bcd"], at_ms=at_ms)
    ends = []
    for call_id, treatment in (("call-b", "timeout"), ("call-c", "block"), ("call-x", "block"), ("call-y", None)):
        end = {"type": "call_end", "call_id": call_id, "setup_time_ms": at_ms, "end_time_ms": at_ms + 100}
        numbers = {"calling_number": CALLING, "called_number": CALLED, "trunk_group_id": "nyc-ix-7", "sip_status": 603}
        ends.append(encode(end | numbers | ({} if treatment is None else {"treatment": treatment})))
    put(archive, CALL_EVENTS, ends, at_ms=at_ms)

    done = typed("blocked", CALLED, "--json")

    assert "3 calls to" in done.stderr, done.output  # c, d of which no end is known, and x
    national = ends[1].replace(b'"+1', b'"').replace(b"call-c", b"call-z")
    put(archive, CALL_EVENTS, [national], first=len(ends), at_ms=at_ms)
    assert "4 calls to" in typed("blocked", CALLED).stderr


def test_blocked_calls_of_a_subscriber_are_listed_once_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 28 days: a repeat counts once, another subscriber's and an older call not at all."""
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path))
    archive, late_ms = ArchiveStore(str(tmp_path)), NOW_MS - 3_600_000
    shadow = json.loads(decision("e" * 32, at_ms=late_ms)) | {"action": "allow", "would_be": "block", "mode": "shadow"}
    other = json.loads(decision("f" * 32, at_ms=late_ms)) | {"called_number": "+13125550199"}
    now = [decision("b" * 32, at_ms=late_ms), decision("b" * 32, at_ms=late_ms)]
    put(archive, CALL_DECISIONS, [*now, encode(shadow), encode(other)], at_ms=late_ms)
    for first, days in ((10, 27), (20, 29)):
        at_ms = NOW_MS - days * 86_400_000
        put(archive, CALL_DECISIONS, [decision(f"{days:032}", at_ms=at_ms)], first=first, at_ms=at_ms)

    masked = typed("blocked", "(312) 555-0142")
    done = typed("blocked", "(312) 555-0142", "--json", "--unmask", "their own line")

    assert [line.split("  ")[1] for line in masked.stdout.splitlines()] == ["+1202555••••"] * 2

    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"time_ms": NOW_MS - 27 * 86_400_000, "calling_number": CALLING},
        {"time_ms": late_ms, "calling_number": CALLING},
    ]
    assert f"2 calls to {CALLED} were blocked in the last 28 days" in done.stderr
    assert "there may have been more: the archive has no call events" in done.stderr
    assert typed("blocked", "nobody").exit_code == 2
