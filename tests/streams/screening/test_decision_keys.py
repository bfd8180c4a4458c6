"""A decision's key in both forms: of one call, and of all calls of a batch at once."""

import json

import numpy as np
import pytest

from detector.columns.facts import CALL_ID, SWITCH
from streams.screening.decision_keys import key_fields, key_of
from streams.wire.reading import read
from streams.wire.record_columns import records_of
from tests.streams.screening.pipeline_case import setup

SWITCHES = [
    # switch_id, the field that is the key
    (None, CALL_ID),
    ("", CALL_ID),
    ("sw-7", SWITCH),
    ("Žofie", SWITCH),
    ('a "quoted" one', SWITCH),
]


@pytest.mark.parametrize(("switch_id", "field"), SWITCHES)
def test_a_decision_is_keyed_by_its_switch_and_else_by_its_call(switch_id: str | None, field: int) -> None:
    """Both forms say the same, whether the call's texts are plain or not."""
    value = json.dumps(json.loads(setup(3)) | {"switch_id": switch_id}).encode()
    reading = read(records_of([setup(1), value]))
    assert reading.facts.texts is not None

    spans = reading.facts.texts.spans
    event = reading.events[1]

    assert key_fields(spans).tolist() == [CALL_ID, field]
    assert key_of(event) == {CALL_ID: "call-3", SWITCH: switch_id or ""}[field].encode()  # type: ignore[arg-type]


def test_no_calls_have_no_keys() -> None:
    """A batch of ends."""
    assert key_fields(np.zeros((0, 5, 2), np.int64)).tolist() == []
