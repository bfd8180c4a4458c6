"""Lots over nights: a watch settles what an earlier night asked before it learns anew."""

import shutil
from pathlib import Path

import pytest
from redis import Redis

from detector.features.table import FEATURE_SCHEMA_ID
from streams.archive.files import ArchiveStore
from streams.commands.adapt.lots import Lot, read_lot
from streams.commands.adapt.nights import ATTEMPTS, Night, Notes
from streams.commands.adapt.places import LOT, LOT_FILE, QUESTIONS
from streams.commands.adapt.watching import AGAIN_S, MODEL, SET_ASIDE
from streams.commands.models.place import own_place
from streams.kafka.topics import CALL_EVENTS, CALL_FEEDBACK
from streams.redis.connection import SHADOW_MODEL
from tests.streams.archive.archive_case import DAY_MS, encoded, put, setup
from tests.streams.commands.adapt.carrier_case import Files, leave_open
from tests.streams.commands.adapt.watch_case import NIGHT_MS, SPAN, Desk, TestClock, really, turned, version, watch_of


@pytest.fixture(scope="module")
def left_open(carrier: Files, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `adapt` writes where answers would tell more."""
    return leave_open(carrier, tmp_path_factory.mktemp("open") / "own")


@pytest.fixture
def asking(left_open: Path, desk: Desk, store: ArchiveStore, tmp_path: Path) -> Lot:
    """The lot of the night before; the archive has what is needed for this one."""
    del store, desk
    shutil.copytree(left_open, tmp_path / "own" / MODEL)
    Notes(tmp_path / "own").write(Night(begin_ms=0, end_ms=DAY_MS, stage="over"))
    return read_lot(left_open)


def answers_to(lot: Lot, begin: int, end: int, *, base: str = "legitimate") -> list[bytes]:
    """Answers about some of the callers: those of the candidate are robocallers."""
    said = {"time_ms": 1_700_000_000_000, "source": "analyst"}
    return [
        encoded(said | {"verdict": "robocall" if one.turn.is_of_candidate else base, "call_id": call_id})
        for one in lot.callers[begin:end]
        for call_id in one.asked.call_ids
    ]


def test_answers_since_put_last_nights_candidate_into_the_shadow(
    asking: Lot, desk: Desk, store: ArchiveStore, redis: Redis, tmp_path: Path
) -> None:
    """Nothing is learnt for that, and it waits for a person, or for the next night, as any other."""
    put(store, CALL_FEEDBACK, answers_to(asking, 0, 20), at_ms=DAY_MS)

    lines = turned(watch_of(tmp_path, desk, TestClock()))

    assert [one[0] for one in desk.typed] == ["settle"]
    assert {"lot settled", "runs in shadow", "night over"} <= {line["event"] for line in lines}
    assert redis.get(SHADOW_MODEL) == asking.candidate.encode()
    night = Notes(tmp_path / "own").read()
    assert night is not None
    assert (night.stage, night.waiting, night.unseen_from_ms) == ("over", asking.candidate, 2 * DAY_MS)
    assert not (tmp_path / "own" / MODEL / LOT).exists()


@pytest.mark.usefixtures("redis")
def test_while_somebody_answers_nothing_new_is_learnt(
    asking: Lot, desk: Desk, store: ArchiveStore, tmp_path: Path
) -> None:
    """Twenty that do not decide; the night after that had no more, so it learns from its own day."""
    put(store, CALL_FEEDBACK, answers_to(asking, 0, 20, base="robocall"), at_ms=DAY_MS)
    put(store, CALL_EVENTS, [encoded(setup(3))], first=2, at_ms=3 * DAY_MS)
    clock = TestClock()

    (line,) = (one for one in turned(watch_of(tmp_path, desk, clock)) if one["event"] == "lot asks")
    after = Notes(tmp_path / "own").read()
    learnt = list(desk.spans_learnt)
    clock.at_ms += DAY_MS
    turned(watch_of(tmp_path, desk, clock))

    assert line["answers"] == 20
    assert "or answer 20 questions" in line["outcome"]
    assert after is not None
    assert (after.stage, after.answers, learnt) == ("over", 20, [])
    assert desk.spans_learnt == [["--from", "1970-01-03T00:00", "--to", "1970-01-04T00:00"]]
    assert version(tmp_path / "own" / MODEL) == version(desk.made)


@pytest.mark.usefixtures("redis")
def test_a_lot_that_nobody_answers_is_dropped(asking: Lot, desk: Desk, store: ArchiveStore, tmp_path: Path) -> None:
    """Answers that there were when it was drawn are none since."""
    put(store, CALL_FEEDBACK, answers_to(asking, 0, 3), at_ms=DAY_MS)
    Notes(tmp_path / "own").write(Night(begin_ms=0, end_ms=DAY_MS, stage="over", answers=3))

    turned(watch_of(tmp_path, desk, TestClock()))

    assert desk.spans_learnt == [SPAN]
    assert not (tmp_path / "own" / MODEL / LOT).exists()
    assert read_lot(tmp_path / "own" / SET_ASIDE).answered == 3


@pytest.mark.usefixtures("redis")
def test_a_lot_of_another_base_is_dropped(asking: Lot, desk: Desk, store: ArchiveStore, tmp_path: Path) -> None:
    """Somebody promoted a model meanwhile: that the candidate is better than the one before says nothing."""
    put(store, CALL_FEEDBACK, answers_to(asking, 0, 20), at_ms=DAY_MS)
    place = own_place(str(tmp_path / "registry"))
    promoted, _ = place.registry.add(desk.made, schema_id=FEATURE_SCHEMA_ID)
    place.promotions.promote(promoted.version, asking.base, gate=[])

    turned(watch_of(tmp_path, desk, TestClock()))

    assert desk.spans_learnt == [SPAN]


@pytest.mark.usefixtures("redis", "asking")
def test_a_lot_that_cannot_be_settled_is_tried_again_and_then_set_aside(desk: Desk, tmp_path: Path) -> None:
    """The night is not lost by it, nor is what was answered."""
    (tmp_path / "own" / MODEL / LOT / LOT_FILE).write_text("{")
    clock, told = TestClock(), []
    for _ in range(ATTEMPTS):
        told += [line["event"] for line in turned(watch_of(tmp_path, desk, clock)) if line["event"] != "watching"]
        clock.sleep(AGAIN_S)

    assert told == ["night failed"] * (ATTEMPTS - 1) + ["lot dropped", "night learnt", "runs in shadow", "night over"]
    assert (tmp_path / "own" / SET_ASIDE / LOT / LOT_FILE).read_text() == "{"
    assert (tmp_path / "own" / SET_ASIDE / QUESTIONS).exists()


def test_what_answers_showed_is_put_in_its_place_whoever_settled(
    asking: Lot, desk: Desk, redis: Redis, tmp_path: Path
) -> None:
    """A person by day, or a night that was killed before it wrote that down; once, and then it learns again."""
    (tmp_path / "answers.jsonl").write_bytes(b"\n".join(answers_to(asking, 0, 20)) + b"\n")
    really(["settle", str(tmp_path / "own" / MODEL), "--feedback", str(tmp_path / "answers.jsonl")])

    turned(watch_of(tmp_path, desk, TestClock()))
    learnt = list(desk.spans_learnt)
    put(ArchiveStore(str(tmp_path / "archive")), CALL_EVENTS, [encoded(setup(3))], first=2, at_ms=3 * DAY_MS)
    turned(watch_of(tmp_path, desk, TestClock(NIGHT_MS + DAY_MS)))

    assert learnt == []
    assert len(desk.spans_learnt) == 1
    assert redis.get(SHADOW_MODEL) == version(desk.made).encode()
    night = Notes(tmp_path / "own").read()
    assert night is not None
    assert night.placed == version(desk.made)
