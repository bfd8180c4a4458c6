"""A watch by a clock of the test's own: real archive, registry and Valkey, and real commands but for the learning."""

import json
from collections import Counter
from pathlib import Path

import pytest
from redis import Redis

from detector.features.table import FEATURE_SCHEMA_ID
from models.adapt import rounds
from models.budgets.measure import read_beside
from models.data.label_files import read_labels
from models.serve.weighing import with_group_weight
from streams.archive.files import ArchiveStore
from streams.commands.adapt.nights import ATTEMPTS, Night, Notes, Schedule
from streams.commands.adapt.watching import AGAIN_S, MODEL, UNFINISHED, Plan, Told, Watch
from streams.commands.child import CommandFailed
from streams.commands.models.place import own_place
from streams.kafka.topics import CALL_EVENTS, CALL_FEEDBACK
from streams.redis.connection import ACTIVE_MODEL, SHADOW_MODEL
from tests.models.small_model import save_small_model
from tests.streams.archive.archive_case import DAY_MS, HOUR_MS, encoded, put, setup
from tests.streams.commands.adapt.carrier_case import FAST, Files
from tests.streams.commands.adapt.watch_case import (
    NIGHT_MS,
    PARTITIONS,
    SPAN,
    Desk,
    TestClock,
    really,
    turned,
    version,
    watch_of,
)
from tests.valkey_process import ValkeyProcess


@pytest.mark.usefixtures("store")
def test_a_better_model_runs_in_shadow_with_its_measure(desk: Desk, redis: Redis, tmp_path: Path) -> None:
    """In the registry, and active nowhere; the span is learnt from once, whoever watches."""
    clock = TestClock()
    watch = watch_of(tmp_path, desk, clock)

    lines = turned(watch)

    better = version(desk.made)
    place = own_place(str(tmp_path / "registry"))
    assert place.registry.load(better, schema_id=FEATURE_SCHEMA_ID).version == better
    measure = read_beside(tmp_path / "registry" / better, partitions=PARTITIONS)
    assert measure is not None
    assert measure.model_version == better
    assert redis.get(SHADOW_MODEL) == better.encode()
    assert (place.promotions.active(), redis.get(ACTIVE_MODEL)) == (None, None)
    assert version(tmp_path / "own" / MODEL) == better
    assert not (tmp_path / "own" / UNFINISHED).exists()
    events = {line["event"] for line in lines}
    assert {"night learnt", "runs in shadow"} <= events
    assert desk.spans_learnt == [SPAN]

    clock.sleep(3_600)
    turned(watch)
    turned(watch_of(tmp_path, desk, clock))
    assert desk.spans_learnt == [SPAN]


@pytest.mark.usefixtures("store")
def test_a_base_that_is_kept_is_put_nowhere(desk: Desk, redis: Redis, made: Path, tmp_path: Path) -> None:
    desk.made = made / "base"

    turned(watch_of(tmp_path, desk, TestClock()))

    assert redis.get(SHADOW_MODEL) is None
    assert not (tmp_path / "registry").exists()
    night = Notes(tmp_path / "own").read()
    assert night is not None
    assert night.is_over
    assert night.said == f"kept the base model {desk.base}: too few"


@pytest.mark.usefixtures("redis")
def test_the_next_night_learns_from_the_next_day(desk: Desk, store: ArchiveStore, tmp_path: Path) -> None:
    """At its hour and not before; what the night before put into the shadow is remembered."""
    clock = TestClock(NIGHT_MS - 1)
    watch = watch_of(tmp_path, desk, clock)
    turned(watch)
    assert desk.typed == []
    clock.at_ms = NIGHT_MS
    turned(watch)
    put(store, CALL_EVENTS, [encoded(setup(3))], first=2, at_ms=3 * DAY_MS)
    for now_ms in (NIGHT_MS + DAY_MS - 1, NIGHT_MS + DAY_MS):
        clock.at_ms = now_ms
        turned(watch)
        assert len(desk.spans_learnt) == 1 + (now_ms == NIGHT_MS + DAY_MS)
    assert desk.spans_learnt[1] == ["--from", "1970-01-03T00:00", "--to", "1970-01-04T00:00"]
    night = Notes(tmp_path / "own").read()
    assert night is not None
    assert (night.waiting, night.unseen_from_ms) == (version(desk.made), 3 * DAY_MS)


@pytest.mark.usefixtures("redis")
def test_an_archive_that_is_behind_is_waited_for(desk: Desk, store: ArchiveStore, tmp_path: Path) -> None:
    """Nothing of the day after: so calls of the span may still wait in Kafka."""
    (last,) = (one for one in store.files(CALL_EVENTS) if one.day == "1970-01-03")
    store.delete(last)
    clock = TestClock()
    watch = watch_of(tmp_path, desk, clock)

    (line,) = turned(watch)
    assert line["event"] == "night waits"
    assert "no call events of 1970-01-03 yet" in line["cause"]

    put(store, CALL_EVENTS, [encoded(setup(2))], first=1, at_ms=2 * DAY_MS)
    turned(watch)
    assert desk.spans_learnt == []
    clock.sleep(AGAIN_S)
    turned(watch)
    assert desk.spans_learnt == [SPAN]


@pytest.mark.usefixtures("store")
def test_a_redis_that_goes_while_it_learns_is_waited_for(
    desk: Desk, valkey: ValkeyProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even into the next day: what was learnt is put in its place, and not learnt again."""
    monkeypatch.setenv("ROBOCALL_REDIS_URL", valkey.url)
    desk.meanwhile = valkey.kill
    clock = TestClock()
    assert [line["event"] for line in turned(watch_of(tmp_path, desk, clock))][-1] == "night waits"

    clock.sleep(AGAIN_S)
    assert [line["event"] for line in turned(watch_of(tmp_path, desk, clock))] == ["night waits"]
    valkey.start()
    clock.at_ms = NIGHT_MS + DAY_MS
    turned(watch_of(tmp_path, desk, clock))

    assert desk.spans_learnt == [SPAN]
    with Redis.from_url(valkey.url) as client:
        assert client.get(SHADOW_MODEL) == version(desk.made).encode()


@pytest.mark.usefixtures("store", "redis")
def test_a_registry_that_is_away_is_waited_for(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "registry").write_text("no folder")
    clock = TestClock()
    watch = watch_of(tmp_path, desk, clock)
    assert [line["event"] for line in turned(watch)] == ["night waits"]
    (tmp_path / "registry").unlink()
    clock.sleep(AGAIN_S)
    turned(watch)
    assert desk.spans_learnt == [SPAN]


@pytest.mark.usefixtures("redis")
def test_what_fails_again_and_again_is_given_up_until_the_next_night(
    desk: Desk, store: ArchiveStore, tmp_path: Path
) -> None:
    """Nothing half written is left, and an error is in the log."""

    def fail() -> None:
        (tmp_path / "own" / UNFINISHED / "trees.npz").touch()
        raise CommandFailed("no call reached the model")

    desk.meanwhile = fail
    clock = TestClock()
    watch = watch_of(tmp_path, desk, clock)
    lines = []
    for _ in range(ATTEMPTS + 2):
        lines += [line for line in turned(watch) if line["event"].startswith("night")]
        clock.sleep(AGAIN_S)

    told = [(line["log_level"], line["event"]) for line in lines]
    assert told == [("warning", "night failed")] * (ATTEMPTS - 1) + [("error", "night given up")]
    assert lines[-1]["cause"] == "no call reached the model"
    assert sorted(path.name for path in (tmp_path / "own").iterdir()) == ["watch.json"]

    put(store, CALL_EVENTS, [encoded(setup(3))], first=2, at_ms=3 * DAY_MS)
    clock.at_ms, desk.meanwhile = NIGHT_MS + DAY_MS, lambda: None
    turned(watch)
    assert len(desk.spans_learnt) == ATTEMPTS + 1


@pytest.fixture
def filled(carrier: Files, store: ArchiveStore) -> Files:
    """The archive has an hour of calls on the first day, and verdicts on robocalls and on lawful calls."""
    for file in store.files(CALL_EVENTS):
        store.delete(file)
    events = carrier.events.read_bytes().splitlines()
    put(store, CALL_EVENTS, events, at_ms=DAY_MS)
    put(store, CALL_EVENTS, [encoded(setup(1))], first=len(events), at_ms=2 * DAY_MS)
    robocalls = [json.loads(line)["call_id"] for line in carrier.feedback.read_text().splitlines()]
    setups = [one for one in map(json.loads, events) if one["type"] == "call_setup"]
    seldom = {number for number, n in Counter(one["calling_number"] for one in setups).items() if n == 1}
    truths = read_labels(carrier.events.parent / "labels.csv")
    lawful = [
        one["call_id"] for one in setups if one["calling_number"] in seldom and not truths[one["call_id"]].is_robocall
    ][:500]
    verdicts = [("robocall", one) for one in robocalls] + [("legitimate", one) for one in lawful]
    records = [
        encoded({"time_ms": 1_700_000_000_000, "verdict": verdict, "source": "analyst", "call_id": call_id})
        for verdict, call_id in verdicts
    ]
    put(store, CALL_FEEDBACK, records, at_ms=2 * DAY_MS)
    return carrier


def waiting(folder: Path, candidate: Path, unseen_from_ms: int = DAY_MS) -> None:
    """The night before has put a model into the registry and the shadow."""
    model, _ = own_place(str(folder / "registry")).registry.add(candidate, schema_id=FEATURE_SCHEMA_ID)
    Notes(folder / "own").write(
        Night(begin_ms=0, end_ms=DAY_MS, stage="over", waiting=model.version, unseen_from_ms=unseen_from_ms)
    )


def test_a_waiting_model_that_passes_the_gate_is_promoted(
    filled: Files, desk: Desk, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the calls of the next span, and not by force; then it is the base of that night's learning."""
    monkeypatch.setenv("ROBOCALL_MODEL_DIR", str(filled.base))
    grouped = with_group_weight(filled.base, tmp_path / "grouped", 0.5, schema_id=FEATURE_SCHEMA_ID)
    waiting(tmp_path, tmp_path / "grouped")
    desk.made, desk.base = tmp_path / "grouped", grouped.version
    redis.set(SHADOW_MODEL, grouped.version)

    lines = turned(watch_of(tmp_path, desk, TestClock(), does_promote=True))

    assert "promoted" in [line["event"] for line in lines], lines
    (entry,) = own_place(str(tmp_path / "registry")).promotions.history()
    assert (entry.version, entry.from_version) == (grouped.version, version(filled.base))
    assert entry.forced_because is None
    assert len(entry.gate) > 3
    assert redis.get(ACTIVE_MODEL) == grouped.version.encode()
    assert redis.get(SHADOW_MODEL) == b"off"
    assert [one[0] for one in desk.typed] == ["archive", "replay", "models", "adapt"]
    assert not (tmp_path / "own" / UNFINISHED).exists()


def test_a_waiting_model_that_fails_the_gate_stays_in_the_shadow(
    filled: Files, desk: Desk, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is judged once: a second look, and a third, would let anything pass in the end."""
    running = save_small_model(tmp_path / "running", seed=9, columns=(7, 8))  # on these calls it knows more
    monkeypatch.setenv("ROBOCALL_MODEL_DIR", str(running))
    waiting(tmp_path, filled.base)
    desk.made, desk.base = running, version(running)
    clock = TestClock()

    (line,) = (one for one in turned(watch_of(tmp_path, desk, clock, does_promote=True)) if "promoted" in one["event"])

    assert line["event"] == "not promoted"
    assert "worse than allowed" in line["cause"]
    assert own_place(str(tmp_path / "registry")).promotions.history() == []
    assert redis.get(ACTIVE_MODEL) is None
    night = Notes(tmp_path / "own").read()
    assert night is not None
    assert (night.waiting, night.has_been_judged) == (version(filled.base), True)


@pytest.mark.usefixtures("store", "redis")
def test_on_few_labels_nothing_is_judged(desk: Desk, made: Path, tmp_path: Path) -> None:
    """A handful of verdicts shows nothing: the model waits for another night, or for a person.

    Looked at were those of calls that it has not learnt from, of a longer span the last six hours.
    """
    waiting(tmp_path, made / "better", unseen_from_ms=NIGHT_MS - 8 * HOUR_MS)
    desk.made = made / "base"

    (line,) = (
        one for one in turned(watch_of(tmp_path, desk, TestClock(), does_promote=True)) if one["event"] == "not judged"
    )

    assert desk.typed[0][2:6] == ["--from", "1970-01-02T18:00", "--to", "1970-01-03T00:00"]
    assert "0 labelled robocalls and 0 lawful calls, 100 of each needed" in line["cause"]
    night = Notes(tmp_path / "own").read()
    assert night is not None
    assert (night.waiting, night.has_been_judged) == (version(made / "better"), False)


def test_a_whole_night_with_the_real_command(
    filled: Files, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it learns is what `adapt` writes, with a measure for the workers' number of partitions."""
    monkeypatch.setattr(rounds, "PARAMETERS", FAST)
    monkeypatch.setenv("ROBOCALL_MODELS_URL", str(tmp_path / "registry"))
    monkeypatch.setenv("ROBOCALL_MODEL_DIR", str(filled.base))
    place = own_place(str(tmp_path / "registry"))
    monkeypatch.setenv("ROBOCALL_PARTITIONS", str(PARTITIONS))
    monkeypatch.setenv("ROBOCALL_POLICY_FILE", str(filled.policy))
    learning = ("--senders", str(filled.senders), "--windows-h", "0")
    schedule, folder = Schedule(2 * HOUR_MS, DAY_MS), tmp_path / "own"
    plan = Plan(schedule, folder, place, learning, ("--archive",), PARTITIONS, does_promote=False)

    watch = Watch(plan, lambda arguments, _: really(arguments), TestClock(), Told(None))
    lines = turned(watch)

    (line,) = (one for one in lines if one["event"] == "night learnt")
    assert line["better"], lines
    measure = read_beside(tmp_path / "registry" / line["version"], partitions=PARTITIONS)
    assert measure is not None
    assert measure.model_version == line["version"]
    assert redis.get(SHADOW_MODEL) == line["version"].encode()
