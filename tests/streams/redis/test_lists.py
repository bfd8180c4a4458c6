"""Lists, standing decisions and the active model on a real Valkey, through outages."""

import asyncio
import time

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from detector.contract.decisions import Action
from detector.policy.lists import Basis, Lists
from detector.policy.screening import Screener
from detector.policy.settings import Policy
from detector.policy.standing import StandingDecision, StandingDecisions
from detector.testing import FixedScore
from detector.windows.engine import WindowEngine, WindowSettings
from streams.redis import list_notes
from streams.redis.connection import ACTIVE_MODEL, LISTS_VERSION, Guard, entity_key, list_key
from streams.redis.decisions import DecisionIndex
from streams.redis.list_notes import notes_key
from streams.redis.lists import ListFollower
from streams.wire.records import EntityDecision, encode
from streams.worker.reports import entity_record
from tests.typed import typed
from tests.valkey_process import ValkeyProcess, run
from tests.waiting import until

CALLING = "+12025550123"
OTHER = "+13125550188"
ENTITY = f"number:{CALLING}"
SMALL = WindowSettings(
    max_hot_numbers=8, max_cold_numbers=8, max_trunks=8, max_blocks=8, max_origins=8, max_called=8, seed=7, partitions=1
)


class Even(FixedScore):
    """A classifier that finds every call as likely as not."""

    version = "even"

    def __init__(self) -> None:
        super().__init__(0.5)


@pytest.fixture
def screener() -> Screener[WindowEngine]:
    return Screener(WindowEngine(SMALL), Even(), Policy(), Lists(), StandingDecisions())


def lists_of(screener: Screener[WindowEngine]) -> Lists:
    """The lists in force, which are known."""
    assert screener.lists is not None
    return screener.lists


def standing_record(action: Action, since_ms: int, *, entity: str = ENTITY) -> tuple[str, bytes, int]:
    """A standing decision as the writer takes it: for an hour from now."""
    expires_ms = time.time_ns() // 1_000_000 + 3_600_000
    record = EntityDecision(entity, action, "spam", None, since_ms, expires_ms, "model", None, "p1")
    return entity, encode(record), expires_ms


async def flush(writer: DecisionIndex) -> None:
    while await writer.flush():
        pass


def test_an_entry_added_reaches_a_running_screener(
    valkey: ValkeyProcess, screener: Screener[WindowEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`robocall lists add` in another process of the operator: the worker's lists change, and change back."""
    monkeypatch.setenv("ROBOCALL_REDIS_URL", valkey.url)

    async def work(client: Redis) -> None:
        task = asyncio.create_task(ListFollower(client, Guard(), screener).run())
        for command in (("add", "block", CALLING), ("add", "dno", "202555"), ("add", "emergency", "911")):
            added = await asyncio.to_thread(typed, "lists", *command)
            assert added.exit_code == 0, added.output
        wanted = Lists(block=frozenset({CALLING}), dno=frozenset({"202555"}), emergency=frozenset({"911"}))
        await until(lambda: screener.lists == wanted)
        await asyncio.to_thread(typed, "lists", "remove", "block", CALLING)
        await until(lambda: CALLING not in lists_of(screener).block)
        task.cancel()

    run(work, valkey.url)


def test_lists_are_read_whole_and_only_when_their_version_changes(
    valkey: ValkeyProcess, screener: Screener[WindowEngine]
) -> None:
    """25,000 entries arrive complete over many scans; a second look reads nothing."""

    async def work(client: Redis) -> None:
        numbers = [f"+1202{n:07d}" for n in range(25_000)]
        await client.sadd(list_key("opt_out"), *numbers)
        sync = ListFollower(client, Guard(), screener)
        await sync.poll()
        assert sync.loads == 0

        await client.incr(LISTS_VERSION)
        await sync.poll()
        await sync.poll()

        assert lists_of(screener).opt_out == frozenset(numbers)
        assert (sync.loads, sync.skipped.total()) == (1, 0)

    run(work, valkey.url)


def test_entries_that_make_no_sense_are_ignored_and_counted(
    valkey: ValkeyProcess, screener: Screener[WindowEngine]
) -> None:
    """Junk written into a set by hand neither stops the good entry beside it nor the other lists."""

    async def work(client: Redis) -> None:
        await client.sadd(list_key("block"), CALLING, b"\xff\xfe", "nonsense", "+1" * 400)
        await client.sadd(list_key("dno"), "12")
        await client.incr(LISTS_VERSION)
        sync = ListFollower(client, Guard(), screener)

        await sync.poll()

        assert screener.lists == Lists(block=frozenset({CALLING}))
        assert sync.skipped.total() == 4

    run(work, valkey.url)


def test_last_known_lists_stay_while_redis_is_away_or_empty(
    valkey: ValkeyProcess, screener: Screener[WindowEngine]
) -> None:
    """Killed, and back without its data: the lists are still in force; a new version replaces them."""

    async def work(client: Redis) -> None:
        await client.sadd(list_key("allow"), CALLING)
        await client.incr(LISTS_VERSION)
        sync = ListFollower(client, Guard(), screener, interval_s=0.05)
        await sync.poll()
        task = asyncio.create_task(sync.run())

        valkey.kill()
        while await sync.poll():
            pass
        assert lists_of(screener).allow == {CALLING}
        valkey.start()
        with capture_logs() as lines:
            while not await sync.poll():
                pass  # Redis is not asked before its time
            await sync.poll()
        assert lists_of(screener).allow == {CALLING}
        assert [line["event"].startswith("the lists have vanished") for line in lines].count(True) == 1

        await client.incr(LISTS_VERSION)
        await until(lambda: not lists_of(screener).allow)
        task.cancel()

    run(work, valkey.url)


@pytest.mark.parametrize("accident", ["the key is deleted", "all data is lost", "the last entry is removed by hand"])
def test_the_emergency_list_is_not_emptied_by_accident(
    valkey: ValkeyProcess, screener: Screener[WindowEngine], monkeypatch: pytest.MonkeyPatch, accident: str
) -> None:
    """The last one holds, is said to, and goes once `robocall lists` says so; other lists follow all the while."""
    monkeypatch.setenv("ROBOCALL_REDIS_URL", valkey.url)

    async def command(*arguments: str) -> None:
        done = await asyncio.to_thread(typed, "lists", *arguments)
        assert done.exit_code == 0, done.output

    async def work(client: Redis) -> None:
        sync = ListFollower(client, Guard(), screener)
        await command("add", "emergency", CALLING)
        await sync.poll()
        if accident == "all data is lost":
            await client.flushdb()
        elif accident == "the key is deleted":
            await client.delete(list_key("emergency"))
        else:
            await client.srem(list_key("emergency"), CALLING)
        await command("add", "allow", OTHER)
        await command("remove", "emergency", OTHER)  # which is not in it: this says nothing of the list
        with capture_logs() as lines:
            await sync.poll()

        assert lists_of(screener) == Lists(emergency=frozenset({CALLING}), allow=frozenset({OTHER}))
        assert sync.view().emergency_held
        assert [line["log_level"] for line in lines if "emergency list" in line["event"]] == ["warning"]

        await command("remove", "emergency", "--all")
        await sync.poll()
        assert lists_of(screener) == Lists(allow=frozenset({OTHER}))
        assert not sync.view().emergency_held

    run(work, valkey.url)


def test_the_last_entry_removed_by_the_command_empties_the_emergency_list(
    valkey: ValkeyProcess, screener: Screener[WindowEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That was meant. What is added later is followed, and protected again."""
    monkeypatch.setenv("ROBOCALL_REDIS_URL", valkey.url)

    async def work(client: Redis) -> None:
        sync = ListFollower(client, Guard(), screener)
        for arguments in (("add", "911", "112"), ("remove", "112"), ("remove", "911")):
            command, *entries = arguments
            await asyncio.to_thread(typed, "lists", command, "emergency", *entries)
            await sync.poll()
        assert lists_of(screener).emergency == frozenset()

        await asyncio.to_thread(typed, "lists", "add", "emergency", "933")
        await sync.poll()
        await client.delete(list_key("emergency"))
        await client.incr(LISTS_VERSION)
        await sync.poll()
        assert lists_of(screener).emergency == {"933"}

    run(work, valkey.url)


def test_a_standing_decision_reaches_other_workers_and_its_end_too(
    valkey: ValkeyProcess, screener: Screener[WindowEngine]
) -> None:
    """Written by one worker with its expiry, set on another, removed when the first deletes it."""

    async def work(client: Redis) -> None:
        writer, sync = DecisionIndex(client, Guard()), ListFollower(client, Guard(), screener)
        entity, value, expires_ms = standing_record(Action.BLOCK, 1_000)
        writer.offer_entity(entity, value, expires_ms)
        await flush(writer)
        await sync.poll()

        held = screener.standing.active(ENTITY, expires_ms - 1)
        assert held is not None
        assert (held.action, held.category, held.source) == (Action.BLOCK, "spam", "model")
        assert screener.standing.active(ENTITY, expires_ms) is None
        assert 3_500_000 < await client.pttl(entity_key(ENTITY)) <= 3_600_000
        assert screener.standing.changes() == []

        writer.offer_entity(entity, None, 0)
        await flush(writer)
        await sync.poll()
        assert screener.standing.active(ENTITY, expires_ms - 1) is None
        assert await client.exists(entity_key(ENTITY)) == 0

    run(work, valkey.url)


def test_notes_without_end_are_read_up_to_a_bound(valkey: ValkeyProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond is left out, and counted as something that makes no sense."""
    monkeypatch.setattr(list_notes, "MAX_NOTES_BYTES", 300_000)
    note = list_notes.note_now(basis=None, by="M. Lee", reason="x" * 400)

    async def work(client: Redis) -> None:
        await client.hset(notes_key("allow"), mapping={f"+1202{n:07}": note for n in range(10_000)})
        found = await list_notes.read_notes(client, "allow")
        assert 300 < len(found.by_entry) < 5_000
        assert found.skipped == 1

    run(work, valkey.url)


def test_the_callers_of_a_standing_decision_reach_other_workers(
    valkey: ValkeyProcess, screener: Screener[WindowEngine]
) -> None:
    """Or they would block the calls of somebody whose number is spoofed."""
    made = StandingDecision(
        ENTITY, Action.BLOCK, "spam", 1_000, time.time_ns() // 1_000_000 + 3_600_000, "model", trunk_group_ids=("t-1",)
    )

    async def work(client: Redis) -> None:
        writer, sync = DecisionIndex(client, Guard()), ListFollower(client, Guard(), screener)
        writer.offer_entity(ENTITY, encode(entity_record(made, Policy())), made.expires_ms)
        await flush(writer)
        await sync.poll()

        assert list(screener.standing) == [made]

    run(work, valkey.url)


def test_an_older_or_foreign_standing_decision_changes_nothing(
    valkey: ValkeyProcess, screener: Screener[WindowEngine]
) -> None:
    """What was decided later stays; a record under another entity's key, or junk, is counted and ignored."""

    async def work(client: Redis) -> None:
        writer, sync = DecisionIndex(client, Guard()), ListFollower(client, Guard(), screener)
        for action, since_ms in ((Action.BLOCK, 2_000), (Action.LABEL, 1_000)):
            writer.offer_entity(*standing_record(action, since_ms))
            await flush(writer)
            await sync.poll()
        _, value, expires_ms = standing_record(Action.BLOCK, 3_000)
        writer.offer_entity("trunk:other", value, expires_ms)
        writer.offer_entity("trunk:junk", b"\xff", expires_ms)
        await flush(writer)
        await sync.poll()

        held = screener.standing.active(ENTITY, 4_000)
        assert held is not None
        assert held.action is Action.BLOCK
        assert len(screener.standing) == 1
        assert sync.skipped.total() == 2

    run(work, valkey.url)


def test_all_standing_decisions_are_loaded_at_the_start(
    valkey: ValkeyProcess, screener: Screener[WindowEngine]
) -> None:
    """A worker that starts later knows every one that holds, over several round trips."""

    async def work(client: Redis) -> None:
        writer = DecisionIndex(client, Guard())
        for n in range(500):
            writer.offer_entity(*standing_record(Action.BLOCK, 1_000, entity=f"trunk:t-{n}"))
        await flush(writer)

        await ListFollower(client, Guard(), screener).poll()

        assert len(screener.standing) == 500

    run(work, valkey.url)


def test_the_active_model_is_announced_once_for_each_change(
    valkey: ValkeyProcess, screener: Screener[WindowEngine]
) -> None:
    """A new name is told once; a name that is no text is not told."""

    async def work(client: Redis) -> None:
        told: list[str] = []
        sync = ListFollower(client, Guard(), screener, on_model=told.append)
        for value in ("m-1", "m-1", b"\xff", "m-2"):
            await client.set(ACTIVE_MODEL, value)
            await sync.poll()

        assert told == ["m-1", "m-2"]
        assert sync.skipped.total() == 1

    run(work, valkey.url)


def test_what_is_known_of_entries_is_followed_and_junk_is_not(
    valkey: ValkeyProcess, screener: Screener[WindowEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Basis and audit line arrive with the entry and go with it; a note without an entry says nothing."""
    monkeypatch.setenv("ROBOCALL_REDIS_URL", valkey.url)

    async def work(client: Redis) -> None:
        sync = ListFollower(client, Guard(), screener)
        for command in (
            ("add", "block", "trunk:bad-7", OTHER, "--basis", "fcc_order", "--by", "M. Lee", "--reason", "DA 26-1"),
            ("add", "block", CALLING, "--basis", "subscriber", "--called", OTHER),
            ("add", "allow", CALLING, "trunk:nyc-ix-7", "--by", "M. Lee", "--reason", "hospital"),
            ("add", "allow", OTHER),
            ("remove", "block", OTHER),
        ):
            changed = await asyncio.to_thread(typed, "lists", *command)
            assert changed.exit_code == 0, changed.output
        for entry, note in (("+1", b"{}"), (OTHER, b"junk"), ("trunk:gone", b'{"basis":"court_order"}')):
            await client.hset(notes_key("block"), entry, note)
        await sync.poll()

        found = lists_of(screener)
        assert found.orders == {"bad-7": Basis.FCC_ORDER}
        assert found.directed == {OTHER: {CALLING}}
        assert found.audited == {CALLING}
        assert found.allow == {CALLING, OTHER, "nyc-ix-7"}
        assert sync.skipped["list_note"] == 1

        await client.delete(notes_key("block"))
        await client.set(notes_key("block"), "no hash")
        await client.incr(LISTS_VERSION)
        await sync.poll()
        assert lists_of(screener).orders == {}
        assert lists_of(screener).block == {"bad-7", f"{CALLING}/{OTHER}"}

    run(work, valkey.url)
