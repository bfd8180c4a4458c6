"""`robocall erase` on a real Valkey, a real broker and an archive: what goes, what stays, what it says of the rest."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import redis as blocking
from click.testing import Result
from redis.asyncio import Redis

from streams.archive.files import ArchiveStore
from streams.cases.changes import new_entry, opened
from streams.cases.recording import looked_up
from streams.cases.roles import NotAllowed
from streams.cases.store import CaseStore
from streams.kafka.topics import CALL_EVENTS, ENTITY_DECISIONS
from streams.redis.connection import ENTITIES_CHANGED, PREFIX, decision_key, entity_key, list_key, number_key
from streams.redis.entity_journal import write_entity
from streams.settings import load_settings
from streams.wire.cases import CaseKind
from tests.streams.archive.archive_case import encoded, put, rows, setup
from tests.topic_reader import records
from tests.typed import typed
from tests.valkey_process import run

NUMBER, OTHER = "+12025550003", "+12025550004"


@pytest.fixture
def store(store: "blocking.Redis", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "blocking.Redis":
    """A Valkey that knows two numbers, an archive with both, empty topics."""
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path / "archive"))
    for number in (NUMBER, OTHER):
        store.set(entity_key(f"number:{number}"), b"{}")
        store.rpush(number_key(number), b"a" * 32)
        store.sadd(list_key("allow"), number)
    store.set(decision_key("a" * 32), f'{{"calling_number":"{NUMBER}","called_number":"{OTHER}"}}')
    store.set(decision_key("b" * 32), f'{{"calling_number":"{OTHER}","called_number":"{NUMBER}"}}')
    store.set(decision_key("c" * 32), f'{{"calling_number":"{NUMBER}1","called_number":"{OTHER}"}}')
    store.set(decision_key("d" * 32), NUMBER.encode() * 100_000)  # no decision of ours is so large: left to expire
    store.lpush(decision_key("e" * 32), NUMBER)
    put(ArchiveStore(str(tmp_path / "archive")), CALL_EVENTS, [encoded(setup(n)) for n in range(6)])
    return store


@pytest.fixture(autouse=True)
def _workers_hear_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens here."""
    monkeypatch.setattr("streams.redis.erasing.HEARD_S", 0.0)


def erase(*options: str, text: str | None = None) -> Result:
    return typed("erase", NUMBER, *options, text=text)


def nulls(bootstrap: str) -> list[bytes | None]:
    """Keys of the nulls on `entity-decisions`, once there is one."""
    return [key for key, value in records(bootstrap, ENTITY_DECISIONS, 1) if value is None]


def test_a_number_goes_from_everywhere_and_others_stay(
    store: "blocking.Redis", kafka_bootstrap: str, tmp_path: Path
) -> None:
    result = erase("--yes", "--json")

    said = json.loads(result.stdout)
    assert result.exit_code == 0
    assert {place["place"]: place["erased"] for place in said["places"]} == {
        "Redis": 4, "topic entity-decisions": 1, "archive of call-events": 1, "archive of call-decisions": 0,
        "archive of scored-calls": 0, "archive of call-feedback": 0, "archive of case-records": 0,
    }  # fmt: skip
    assert said["on_lists"] == ["allow"]
    assert set(said["remains"]) >= {"call-events", "call-decisions", "dead-letters"}
    assert "KEEP_DAYS" in said["remains"]["campaigns"]
    left = {key.decode() for key in store.scan_iter(f"{PREFIX}*")}
    assert {entity_key(f"number:{OTHER}"), number_key(OTHER), *(decision_key(c * 32) for c in "cde")} <= left
    assert not left & {
        entity_key(f"number:{NUMBER}"),
        number_key(NUMBER),
        decision_key("a" * 32),
        decision_key("b" * 32),
    }
    assert store.smembers(list_key("allow")) == {NUMBER.encode(), OTHER.encode()}
    assert nulls(kafka_bootstrap) == [f"number:{NUMBER}".encode()]
    archived = [row["calling_number"] for row in rows(ArchiveStore(str(tmp_path / "archive")), CALL_EVENTS)]
    assert archived == [f"+1202555000{n}" for n in (0, 1, 2, 4, 5)]


def test_nothing_in_redis_has_the_number_afterwards(store: "blocking.Redis", redis_url: str) -> None:
    """What stood about it left its name in the journal, for good; one of a decision that has expired does, too."""

    async def let_stand(client: Redis) -> None:
        for number in (NUMBER, OTHER):
            await write_entity(client, f"number:{number}", b"{}\n", 1 << 42)

    run(let_stand, redis_url)
    store.srem(list_key("allow"), NUMBER)
    store.delete(decision_key("c" * 32), decision_key("d" * 32), decision_key("e" * 32))
    assert NUMBER in whole(store)

    erase("--yes")

    assert NUMBER not in whole(store)
    assert store.zrange(ENTITIES_CHANGED, 0, -1) == [f"number:{OTHER}".encode()]
    assert "Redis: 0 erased" in erase("--yes").stdout

    store.zadd(ENTITIES_CHANGED, {f"number:{NUMBER}": 1})
    assert "Redis: 1 would be erased" in erase("--dry-run").stdout
    assert "Redis: 1 erased" in erase("--yes").stdout
    assert NUMBER not in whole(store)


def test_a_number_goes_in_whatever_form_a_switch_wrote_it(store: "blocking.Redis", tmp_path: Path) -> None:
    written = "12025550003", "2025550003"
    for form, name in zip(written, "fg", strict=True):
        store.rpush(number_key(form), name * 32)
        store.set(decision_key(name * 32), f'{{"calling_number":"{form}","called_number":"{OTHER}"}}')
    store.set(decision_key("h" * 32), f'{{"calling_number":"{OTHER}","called_number":"2025550003"}}')
    store.set(decision_key("i" * 32), f'{{"calling_number":"{OTHER}","called_number":"+2025550003"}}')
    folder = ArchiveStore(str(tmp_path / "archive"))
    put(folder, CALL_EVENTS, [encoded(setup(n, calling_number=form)) for n, form in enumerate(written)], first=6)

    said = json.loads(erase("--yes", "--json").stdout)

    assert {place["place"]: place["erased"] for place in said["places"]}["Redis"] == 9
    assert not store.exists(*map(number_key, written), *(decision_key(name * 32) for name in "fgh"))
    assert store.exists(decision_key("i" * 32)), "a number of Egypt"
    assert not {row["calling_number"] for row in rows(folder, CALL_EVENTS)} & {NUMBER, *written}


def whole(store: "blocking.Redis") -> str:
    """All keys of ours, and all that they hold."""
    read: dict[object, Callable[[bytes], object]] = {
        b"string": store.get,
        b"list": lambda key: store.lrange(key, 0, -1),
        b"set": store.smembers,
        b"zset": lambda key: store.zrange(key, 0, -1),
    }
    return str({key: read[store.type(key)](key) for key in store.scan_iter(f"{PREFIX}*")})


def test_a_dry_run_only_counts_and_no_answer_is_no(store: "blocking.Redis", tmp_path: Path) -> None:
    store.sadd(list_key("block"), f"{OTHER}/{NUMBER}", f"{OTHER}/{NUMBER}1", "trunk:a/b")
    before = set(store.scan_iter(f"{PREFIX}*"))

    counted, refused = erase("--dry-run"), erase(text="n\n")

    assert "Redis: 4 would be erased" in counted.stdout
    assert "archive of call-events: 1 would be erased" in counted.stdout
    assert f"`robocall lists remove allow {NUMBER}`" in counted.stdout
    assert f"`robocall lists remove block {OTHER}/{NUMBER}`" in counted.stdout
    assert counted.stdout.count("list block") == 1
    assert refused.exit_code == 1
    assert set(store.scan_iter(f"{PREFIX}*")) == before
    assert len(rows(ArchiveStore(str(tmp_path / "archive")), CALL_EVENTS)) == 6


@pytest.mark.usefixtures("store")
def test_what_is_away_is_named_and_the_rest_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_REDIS_URL", "redis://127.0.0.1:1")

    result = erase("--yes")

    assert result.exit_code == 1
    assert "Redis: not done, " in result.stdout
    assert "127.0.0.1:1" in result.stdout
    assert len(rows(ArchiveStore(str(tmp_path / "archive")), CALL_EVENTS)) == 5


def test_who_looks_up_does_not_erase(store: "blocking.Redis", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes is evidence, too."""
    (tmp_path / "roles.yaml").write_text("aroe: [look_up, unmask]\n")
    monkeypatch.setenv("ROBOCALL_CASES_ROLES_FILE", str(tmp_path / "roles.yaml"))
    monkeypatch.setenv("ROBOCALL_CASES_OPERATOR", "aroe")

    assert isinstance(erase("--yes").exception, NotAllowed)
    assert store.exists(decision_key("a" * 32))
    assert erase("--dry-run").exit_code == 0
    monkeypatch.setenv("ROBOCALL_CASES_OPERATOR", "nobody at all")
    assert isinstance(erase("--dry-run").exception, NotAllowed)


def test_without_kafka_nobody_knows_of_legal_holds_and_nothing_is_erased(
    store: "blocking.Redis", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")

    result = erase("--yes")

    assert str(result.exception).startswith("nothing is erased, a legal hold may keep it")
    assert store.exists(number_key(NUMBER))
    assert len(rows(ArchiveStore(str(tmp_path / "archive")), CALL_EVENTS)) == 6


@pytest.mark.parametrize("named", [NUMBER, "12025550003", "2025550003"])
def test_a_case_on_legal_hold_keeps_its_number_until_the_hold_ends(named: str, store: "blocking.Redis") -> None:
    """Cases not on hold, and those of longer numbers that begin alike, keep nothing."""
    kept = ""
    for subject, is_held in ((f"list {named}", True), (f"list {NUMBER}1", True), (f"number:{NUMBER}", False)):
        entry = new_entry(who="M. Lee", what="opened", why=None, now_ms=1_780_000_000_000)
        case = opened(CaseKind.CHANGE, entry, subject=subject, details={}, state="closed")
        asyncio.run(CaseStore(load_settings()).open(replace(case, is_held=is_held)))
        kept = case.case_id if subject == f"list {named}" else kept

    for refused in (erase("--yes"), erase("--dry-run")):
        assert str(refused.exception).startswith(f"nothing is erased, case {kept} on legal hold names it")
    assert store.exists(number_key(NUMBER))

    command = ["cases", "hold", kept, "--end", "--why", "settled"]
    assert typed(*command).exit_code == 0
    assert erase("--yes").exit_code == 0
    assert not store.exists(number_key(NUMBER))


def test_a_look_up_on_legal_hold_keeps_the_number_of_its_digest(
    store: "blocking.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOCALL_LOG_KEY", "0123456789abcdef")
    entry = new_entry(who="M. Lee", what="looked_up", why=None, now_ms=1_780_000_000_000)
    case = opened(CaseKind.LOOK_UP, entry, subject=looked_up("number", NUMBER)[0], details={}, state="closed")
    asyncio.run(CaseStore(load_settings()).open(replace(case, is_held=True)))

    assert f"case {case.case_id} on legal hold names it" in str(erase("--yes").exception)
    assert store.exists(number_key(NUMBER))


def test_what_is_no_number_is_wrong_usage() -> None:
    result = typed("erase", "2025550003", "--yes")
    assert result.exit_code == 2
    assert "E.164" in result.stderr
