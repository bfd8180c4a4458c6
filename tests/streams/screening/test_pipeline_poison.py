"""Events that bring out a bug cost themselves, however batches are cut, and nothing of their neighbours."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from detector.columns.batch_columns import columns_of
from detector.columns.facts import Facts
from streams.wire.record_columns import records_of
from streams.wire.records import EVENT_DECODER
from tests.streams.screening.pipeline_case import Certain, Choosy, in_batches, pipeline, setup, state, traffic, world


@pytest.mark.parametrize("size", [1, 5, 16, 200])
@pytest.mark.parametrize(("after_blocks", "poisoned"), [(5, 7), (3, 0)])
def test_poison_of_the_model_costs_itself_however_events_are_cut(size: int, after_blocks: int, poisoned: int) -> None:
    """The fourth call of each number; none where the standing block that three calls bring keeps it from the model."""
    failures: list[Exception] = []
    one = world(Choosy(1.0), failures, after_blocks=after_blocks)
    whole = world(Choosy(1.0), [], after_blocks=after_blocks)
    sound = world(Certain(0.999), [])

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

    def broken_build(facts: Facts, events: Sequence[Any], *rest: Any, **more: Any) -> Any:
        if any(event.call_id in bad_ids for event in events):
            raise OverflowError("a bug")
        return columns_of(facts, events, *rest, **more)

    class BrokenDecoder:
        def decode(self, value: bytes) -> Any:
            if value == unreadable:
                raise SystemError("a bug of the decoder")
            return EVENT_DECODER.decode(value)

    failures: list[Exception] = []
    one, other = world(Certain(0.999), failures), world(Certain(0.999), [])
    expected = in_batches(other, [v for v in values if v != unreadable and v not in unbuildable], 256)
    monkeypatch.setattr("streams.screening.pipeline.columns_of", broken_build)
    monkeypatch.setattr("streams.wire.decoder.decode_event", BrokenDecoder().decode)

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
    one, other = (world(Certain(0.999 if is_judged else None), told) for told in (failures, []))
    for each in () if is_judged else (one, other):
        monkeypatch.setattr(each.screener.engine, "update", lambda _: 1 / 0)
    expected = in_batches(other, values, size)
    monkeypatch.setattr("streams.wire.lazy_events.EVENT_DECODER", BrokenDecoder())

    decisions = in_batches(one, values, size)

    assert decisions == [one for one in expected if msgspec.json.decode(one)["call_id"] != "call-10"]
    assert len(decisions) == len(expected) - 1
    assert SystemError in {type(failure) for failure in failures}


def test_a_record_that_cannot_even_be_answered_is_reported_by_its_position(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside one that the decoder refuses."""

    def broken(record: Any) -> bytes:
        raise SystemError(f"a bug of the encoder, {record.call_id}")

    monkeypatch.setattr("streams.screening.single_answers.encode", broken)

    batch = pipeline(0.999, []).process(records_of([traffic(1)[1], setup(1), b"{"]), decided_time_ms=None)

    assert [(position, code) for position, code, _ in batch.unusable()] == [(1, "internal_error"), (2, "invalid_json")]
    assert batch.unusable()[0].message == "internal error: SystemError"
    assert (list(batch.answers.decisions), list(batch.answers.keys), len(batch.answers.arrivals_ms)) == ([], [], 0)
