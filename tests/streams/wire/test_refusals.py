"""Codes and sentences of refused records: complete, and true of what the decoder raises."""

import pytest

from streams.wire.records import EVENT_DECODER
from streams.wire.refusals import CODE_MEANINGS, REFUSALS, Code, classify, passed_in_silence
from tests.streams.wire.malformed import KINDS, corpus

NOT_THE_DECODER = {Code.EMPTY, Code.TOO_LARGE}


def test_every_code_has_a_meaning() -> None:
    """The table of the contract page is complete."""
    assert set(CODE_MEANINGS) == set(Code)


def test_each_kind_of_damage_is_told_by_what_the_decoder_raises_or_keeps_silent_about() -> None:
    """Whoever reads a dead letter learns what is wrong, not what the decoder stumbled over."""
    for kind, record in corpus(4 * len(KINDS), seed=23):
        if kind.code in NOT_THE_DECODER:
            continue
        assert said_of(record) == kind.code


def said_of(record: bytes) -> Code | None:
    """Decode a record as the decoder does, and say what is wrong with it."""
    try:
        EVENT_DECODER.decode(record)
        record.decode()
    except REFUSALS as error:
        return classify(record, error)[0]
    return passed_in_silence(record)


@pytest.mark.parametrize("record", [b'{"type":"call_setup"}', b"[]"])
def test_what_is_no_event_but_sound_json_is_not_silent(record: bytes) -> None:
    """The decoder speaks up itself."""
    assert passed_in_silence(record) is None
