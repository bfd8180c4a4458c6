"""The picture of the imports shows what follows from nothing else, and leaves out what does."""

from tests.import_graph import direct, picture, reached

FOUND = {
    "streams": {"models", "detector"},
    "models": {"detector"},
    "streams.worker": {"streams.kafka", "streams.wire"},
    "streams.kafka": {"streams.wire"},
}


def test_an_arrow_that_follows_from_two_others_is_left_out() -> None:
    assert reached(FOUND, "streams.worker") == {"streams.worker", "streams.kafka", "streams.wire"}
    assert direct(FOUND, "streams.worker") == {"streams.kafka"}
    assert direct(FOUND, "streams") == {"models"}


def test_rooms_stand_in_the_box_of_their_package() -> None:
    lines = picture(FOUND).splitlines()
    box = lines[lines.index('  subgraph streams["streams/"]') : lines.index("  end")]
    assert box[1:] == [
        "    streams_kafka[kafka]",
        "    streams_wire[wire]",
        "    streams_worker[worker]",
        "    streams_kafka --> streams_wire",
        "    streams_worker --> streams_kafka",
    ]
    assert lines[-3:] == ["  streams ==> models", "  models ==> detector", "```"]
