"""The path from bytes to decision bytes, and its written policy: a bug never blocks or loses a call."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from detector.clocks import ClockTolerance
from detector.columns import build_columns
from detector.decisions import Mode
from detector.facts import Facts
from detector.features import FEATURE_NAMES, FEATURE_SCHEMA_ID, INDEX, N_FEATURES
from detector.lists import Lists
from detector.policy import Policy, StandingBlocks, Thresholds
from detector.ports import Classifier, FeatureMatrix
from detector.screening import Screener
from detector.standing import StandingDecisions
from detector.windows import WindowEngine, WindowSettings
from models.drift import DriftWatch
from models.reference import Reference
from models.shadow import Shadow
from models.watched import WatchedModel
from streams.answers import Waiting
from streams.pipeline import Pipeline
from streams.records import EVENT_DECODER
from tests.detector.screened import ids

START_MS = 1_760_000_000_000


class Certain:
    """A classifier that gives every call the same score, or raises."""

    version = "certain"
    schema_id = FEATURE_SCHEMA_ID

    def __init__(self, score: float | None) -> None:
        self._score = score

    def score(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        if self._score is None:
            raise ZeroDivisionError("a bug")
        return np.full(len(rows), self._score)

    def contributions(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        return np.zeros((len(rows), N_FEATURES))


def pipeline(score: float | None, failures: list[Exception], mode: Mode = Mode.ENFORCE) -> Pipeline:
    engine = WindowEngine(WindowSettings(seed=1))
    return Pipeline(
        Screener(engine, Certain(score), Policy(mode=mode), Lists(), StandingDecisions()),
        seed=1,
        on_failure=failures.append,
    )


def setup(number: int, **more: str) -> bytes:
    """One call setup."""
    return msgspec.json.encode(
        {
            "type": "call_setup",
            "call_id": f"call-{number}",
            "setup_time_ms": START_MS + number,
            "calling_number": "+12025550123",
            "called_number": "+13125550145",
            "trunk_group_id": "trunk-1",
        }
        | more
    )


def test_every_good_setup_is_answered_and_a_bad_neighbour_changes_nothing() -> None:
    """Decisions come in input order; the bad record is named by its position."""
    failures: list[Exception] = []

    processed = pipeline(0.0, failures).process([setup(1), b"{", setup(2)], [0, 0, 0], decided_time_ms=START_MS + 9)

    answers = [msgspec.json.decode(decision) for decision in processed.decisions]
    assert [(a["call_id"], a["action"], a["decided_by"]) for a in answers] == [
        ("call-1", "allow", "allow"),
        ("call-2", "allow", "allow"),
    ]
    assert [a["decided_time_ms"] for a in answers] == [START_MS + 9, START_MS + 9]
    assert [rejected.position for rejected in processed.intake.rejected] == [1]
    assert failures == []


def test_decisions_are_keyed_by_switch_and_else_by_call() -> None:
    """The contract's key of `call-decisions`."""
    processed = pipeline(0.0, []).process([setup(1, switch_id="sw-7"), setup(2)], [0, 0], decided_time_ms=None)

    assert processed.keys == [b"sw-7", b"call-2"]


def test_an_internal_error_allows_the_calls_and_is_reported() -> None:
    """`fail_open`: no score, reason `internal_error`, same decision id as without the bug."""
    failures: list[Exception] = []

    broken = pipeline(None, failures).process([setup(1), setup(2)], [0, 0], decided_time_ms=None)
    whole = pipeline(0.0, []).process([setup(1), setup(2)], [0, 0], decided_time_ms=None)

    answers = [msgspec.json.decode(decision) for decision in broken.decisions]
    assert [(a["action"], a["decided_by"], a["score"]) for a in answers] == [("allow", "fail_open", None)] * 2
    assert answers[0]["reasons"][0]["code"] == "internal_error"
    assert ids(broken.screening) == ids(whole.screening)
    assert [type(failure) for failure in failures] == [ZeroDivisionError]


@pytest.mark.parametrize(("mode", "would_be"), [(Mode.ENFORCE, None), (Mode.SHADOW, "allow")])
def test_an_internal_error_is_answered_in_the_mode_of_the_policy(mode: Mode, would_be: str | None) -> None:
    """A shadow deployment never writes a record that says it enforced."""
    processed = pipeline(None, [], mode).process([setup(1)], [0], decided_time_ms=None)

    answer = msgspec.json.decode(processed.decisions[0])
    assert (answer["action"], answer["decided_by"]) == ("allow", "fail_open")
    assert (answer["mode"], answer["would_be"]) == (mode.value, would_be)


@pytest.mark.parametrize("size", [1, 7, 200])
def test_decisions_do_not_depend_on_how_events_are_cut_into_batches(size: int) -> None:
    """A poll brings what has arrived; the answer must not depend on that."""
    values = [setup(number) for number in range(400)]
    one, other = pipeline(0.99, []), pipeline(0.99, [])

    in_one_size = [
        decision
        for start in range(0, len(values), size)
        for decision in one.process(
            values[start : start + size], [0] * len(values[start : start + size]), decided_time_ms=None
        ).decisions
    ]
    in_another = [
        decision
        for start in range(0, len(values), 64)
        for decision in other.process(
            values[start : start + 64], [0] * len(values[start : start + 64]), decided_time_ms=None
        ).decisions
    ]

    assert in_one_size == in_another


HOUR_MS = 3_600_000


def caller(number: int) -> str:
    """Seven numbers that call in turn."""
    return f"+1202555{number % 7:04d}"


class Choosy(Certain):
    """Blocks everything, but raises when the fourth call of a number is among the rows."""

    def score(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        if 4.0 in rows[:, INDEX["number_attempts_1h"]].tolist():
            raise FloatingPointError("a bug of the model")
        return np.full(len(rows), 0.99)


def traffic(count: int) -> list[bytes]:
    """Calls of seven numbers, a second apart, each with its end one second later."""
    lines = []
    for number in range(count):
        at_ms = START_MS + 1_000 * number
        lines.append(setup(number, calling_number=caller(number)))
        lines.append(
            msgspec.json.encode(
                {
                    "type": "call_end",
                    "call_id": f"call-{number}",
                    "setup_time_ms": START_MS + number,
                    "end_time_ms": at_ms + 900,
                    "answer_time_ms": at_ms + 100,
                    "calling_number": caller(number),
                    "called_number": "+13125550145",
                    "trunk_group_id": "trunk-1",
                    "sip_status": 200,
                }
            )
        )
    return lines


def world(
    classifier: Classifier, failures: list[Exception], clock: ClockTolerance | None = None, after_blocks: int = 5
) -> Pipeline:
    engine = WindowEngine(WindowSettings(seed=1))
    policy = Policy(mode=Mode.ENFORCE, minimum_samples=(), standing_blocks=StandingBlocks(after_blocks=after_blocks))
    one = Screener(engine, classifier, policy, Lists(), StandingDecisions())
    return Pipeline(one, seed=1, on_failure=failures.append, clock=clock)


def state(one: Pipeline, now_ms: int = START_MS + 60_000) -> tuple[Any, ...]:
    """Windows of all numbers, and everything that outlives a call."""
    screener: Any = one.screener
    counts = [screener.engine.number_counts(caller(number), now_ms) for number in range(7)]
    held = [screener.standing.held.get(caller(number)) for number in range(7)]
    return counts, held, list(screener.standing)


def in_batches(one: Pipeline, values: list[bytes], size: int) -> list[bytes]:
    decisions: list[bytes] = []
    for start in range(0, len(values), size):
        batch = values[start : start + size]
        decisions += one.process(batch, [0] * len(batch), decided_time_ms=None).decisions
    return decisions


@pytest.mark.parametrize("size", [1, 5, 16, 200])
@pytest.mark.parametrize(("after_blocks", "poisoned"), [(5, 7), (3, 0)])
def test_poison_of_the_model_costs_itself_however_events_are_cut(size: int, after_blocks: int, poisoned: int) -> None:
    """The fourth call of each number; none where the standing block that three calls bring keeps it from the model."""
    failures: list[Exception] = []
    one = world(Choosy(1.0), failures, after_blocks=after_blocks)
    whole = world(Choosy(1.0), [], after_blocks=after_blocks)
    sound = world(Certain(0.99), [])

    decisions = in_batches(one, traffic(70), size)

    assert decisions == in_batches(whole, traffic(70), 256)
    assert state(one) == state(whole)
    open_calls = [d for d in map(msgspec.json.decode, decisions) if d["decided_by"] == "fail_open"]
    assert len(open_calls) == len({d["calling_number"] for d in open_calls}) == poisoned
    assert {type(failure) for failure in failures} <= {FloatingPointError}
    assert len(state(one)[2]) == 7
    in_batches(sound, traffic(70), size)
    assert state(one)[0] == state(sound)[0]  # windows count the poison too: it is a good event


@pytest.mark.parametrize("size", [1, 5, 16, 200])
def test_poison_of_decoder_and_columns_is_not_counted_and_nothing_else_is_lost(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The windows are those of the events without it; a setup that was read is answered all the same."""
    values = traffic(40)
    values[20] = values[20][:-1] + b',"x":"\\u0041"}'  # the scan leaves it to the decoder
    unreadable, unbuildable = values[20], values[30:34]
    bad_ids = {msgspec.json.decode(value)["call_id"] for value in unbuildable}

    def broken_build(facts: Facts, events: Sequence[Any], *rest: Any, seed: int) -> Any:
        if any(event.call_id in bad_ids for event in events):
            raise OverflowError("a bug")
        return build_columns(facts, events, *rest, seed=seed)

    class BrokenDecoder:
        def decode(self, value: bytes) -> Any:
            if value == unreadable:
                raise SystemError("a bug of the decoder")
            return EVENT_DECODER.decode(value)

    failures: list[Exception] = []
    one, other = world(Certain(0.99), failures), world(Certain(0.99), [])
    expected = in_batches(other, [v for v in values if v != unreadable and v not in unbuildable], 256)
    monkeypatch.setattr("streams.poison.build_columns", broken_build)
    monkeypatch.setattr("streams.intake.EVENT_DECODER", BrokenDecoder())

    decisions = in_batches(one, values, size)

    answered = {msgspec.json.decode(decision)["call_id"]: decision for decision in decisions}
    assert set(answered) == {f"call-{number}" for number in range(40)} - {"call-10"}
    for call_id in bad_ids:
        answer = msgspec.json.decode(answered[call_id])
        assert (answer["action"], answer["decided_by"]) == ("allow", "fail_open")
    assert [decision for call_id, decision in answered.items() if call_id not in bad_ids] == expected
    assert state(one) == state(other)
    assert {type(failure) for failure in failures} == {OverflowError, SystemError}


@pytest.mark.parametrize("is_judged", [True, False])
@pytest.mark.parametrize("size", [1, 7, 200])
def test_a_call_whose_event_cannot_be_made_when_asked_for_costs_itself_only(
    size: int, is_judged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scan took it, the decoder has a bug: where the model objects to all calls, and where the windows fail."""
    values = traffic(40)

    class BrokenDecoder:
        def decode(self, value: bytes) -> Any:
            if b'"call-10"' in value:
                raise SystemError("a bug of the decoder")
            return EVENT_DECODER.decode(value)

    failures: list[Exception] = []
    one, other = (world(Certain(0.99 if is_judged else None), told) for told in (failures, []))
    for each in () if is_judged else (one, other):
        monkeypatch.setattr(each.screener.engine, "update", lambda _: 1 / 0)
    expected = in_batches(other, values, size)
    monkeypatch.setattr("streams.lazy_events.EVENT_DECODER", BrokenDecoder())

    decisions = in_batches(one, values, size)

    assert decisions == [one for one in expected if msgspec.json.decode(one)["call_id"] != "call-10"]
    assert len(decisions) == len(expected) - 1
    assert SystemError in {type(failure) for failure in failures}


def test_a_record_that_cannot_even_be_answered_is_reported_by_its_position(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside one that the decoder refuses."""

    def broken(record: Any) -> bytes:
        raise SystemError(f"a bug of the encoder, {record.call_id}")

    monkeypatch.setattr("streams.answers.encode_decision", broken)

    processed = pipeline(0.99, []).process([b"{", setup(1), traffic(1)[1]], [0] * 3, decided_time_ms=None)

    assert [rejected.position for rejected in processed.intake.rejected] == [0]
    assert [(one.position, one.message) for one in processed.poison] == [(1, "internal error: SystemError")]
    assert (processed.decisions, processed.keys, processed.positions) == ([], [], [])


@pytest.mark.parametrize("cut", [0, 37, 80])
def test_catching_up_comes_to_the_state_of_deciding(cut: int) -> None:
    """As if decided up to the cut, then decided: same answers after it, same windows and memory."""
    caught, through = world(Choosy(1.0), []), world(Choosy(1.0), [])
    values = traffic(40)

    for start in range(0, cut, 16):
        part = values[start : min(start + 16, cut)]
        caught.catch_up(part, [0] * len(part), [0] * len(part))
    after = in_batches(caught, values[cut:], 16)

    decided = in_batches(through, values, 16)
    assert after == decided[len(decided) - len(after) :]
    assert state(caught) == state(through)
    assert caught.screener.standing.changes() == []


def test_drift_and_shadow_count_what_is_decided_and_not_what_is_caught_up_with() -> None:
    """Ten calls that were decided before, then five new ones: the watchers have seen five."""
    random = np.random.default_rng(3)
    rows = random.random((200, N_FEATURES), np.float32)
    reference = Reference.measure(rows, random.random(200), np.ones((200, N_FEATURES)))
    model, thresholds = Certain(0.5), Thresholds()
    watched = WatchedModel(
        model,
        DriftWatch(reference, FEATURE_NAMES, 0),
        Shadow(model, Certain(0.99), lambda: thresholds, lambda _: None),
        lambda: 0,
    )
    assert watched.drift is not None
    assert watched.shadow is not None
    worker = world(watched, [])

    worker.catch_up(traffic(10), [0] * 20, [0] * 20)
    worker.process(traffic(15)[20:], [0] * 10, decided_time_ms=None)

    watched.shadow.settle()
    assert watched.failure is None
    assert watched.drift.drift(thresholds).calls == 5
    assert sum(watched.shadow.pairs.values()) == 5
    assert worker.screener.classifier is watched


def test_warming_up_counts_and_judges_nothing() -> None:
    """Windows as after deciding, and nobody held."""
    warm, through = world(Certain(0.99), []), world(Certain(0.99), [])

    warm.warm_up([*traffic(40), b"{"], [0] * 81, [0] * 81)
    in_batches(through, traffic(40), 16)

    assert state(warm)[0] == state(through)[0]
    assert state(warm)[1:] == ([None] * 7, [])
    assert state(through)[2] != []


@pytest.mark.parametrize("method", ["process", "catch_up", "warm_up"])
def test_a_wrong_clock_is_put_right_where_arrivals_are_known(method: str) -> None:
    """Seven hours ahead; windows are where they were with a right clock, answers show the time that was sent."""
    wrong, right = world(Certain(0.0), [], ClockTolerance()), world(Certain(0.0), [], ClockTolerance())
    skewed = [
        msgspec.json.encode(
            {k: v + 7 * HOUR_MS if k.endswith("time_ms") else v for k, v in msgspec.json.decode(value).items()}
        )
        for value in traffic(10)
    ]
    arrivals = [START_MS + 500 * number for number in range(20)]
    partitions = [0] * 20

    if method == "process":
        processed = wrong.process(skewed, partitions, decided_time_ms=START_MS, arrivals_ms=arrivals)
        assert processed.skewed == 20
        answers = [msgspec.json.decode(decision) for decision in processed.decisions]
        assert [answer["setup_time_ms"] for answer in answers] == [START_MS + 7 * HOUR_MS + n for n in range(10)]
        assert ids(processed.screening) == [answer["decision_id"] for answer in answers]
    else:
        getattr(wrong, method)(skewed, partitions, arrivals)
    in_batches(right, traffic(10), 20)

    assert state(wrong) == state(right)


def test_without_arrivals_or_tolerance_times_are_as_sent() -> None:
    """A replay from a file goes by event time alone."""
    values = traffic(10)
    tolerant, strict = world(Certain(0.0), [], ClockTolerance()), world(Certain(0.0), [])

    replayed = tolerant.process(values, [0] * 20, decided_time_ms=None)
    untouched = strict.process(values, [0] * 20, decided_time_ms=None, arrivals_ms=[START_MS + 9 * HOUR_MS] * 20)

    assert (replayed.skewed, untouched.skewed) == (0, 0)
    assert state(tolerant) == state(strict)


def test_a_call_that_waited_is_counted_and_passes() -> None:
    """One late, one shed, one judged; and the late one's place in the windows is kept."""
    one = world(Certain(0.99), [])
    waiting = Waiting(START_MS + 10_000, deadline_ms=2_000, shed_after_ms=500)
    values = [setup(number) for number in range(3)]

    processed = one.process(
        values,
        [0] * 3,
        decided_time_ms=waiting.now_ms,
        arrivals_ms=[waiting.now_ms - 2_500, waiting.now_ms - 600, waiting.now_ms - 20],
        waiting=waiting,
    )

    answers = [msgspec.json.decode(decision) for decision in processed.decisions]
    assert [(a["decided_by"], a["reasons"][0]["code"]) for a in answers] == [
        ("fail_open", "late"),
        ("fail_open", "overload"),
        ("model", "model"),
    ]
    assert list(processed.late) == [2]
    assert processed.screening.features[2, INDEX["number_attempts_1h"]] == 3
