"""A number leaves the archive, from whichever field; everything else stays, and so does where the sink goes on."""

from pathlib import Path

import pytest

from streams.archive.erasing import erase
from streams.archive.files import ArchiveStore, ArchiveUnusable
from streams.archive.numbers import NumberKey
from streams.archive.sink import latest_files
from streams.archive.upkeep import clear, compact
from streams.kafka.topics import CALL_EVENTS, CALL_FEEDBACK, CASE_RECORDS
from tests.streams.archive.archive_case import DAY_MS, SECRET, START_MS, encoded, put, rows, setup

NUMBER = "+12025550003"


@pytest.fixture
def store(tmp_path: Path) -> ArchiveStore:
    return ArchiveStore(str(tmp_path / "archive"))


def erased(store: ArchiveStore, topic: str = CALL_EVENTS, key: NumberKey | None = None) -> dict[int, int]:
    """Records that went, by the first offset of their file."""
    return {file.first: gone for file, gone in erase(store, topic, NUMBER, key) if gone}


def test_a_number_goes_whatever_it_was_and_all_else_stays(store: ArchiveStore) -> None:
    put(store, CALL_EVENTS, [encoded(setup(n)) for n in range(5)])
    put(store, CALL_EVENTS, [encoded(setup(n)) for n in range(10, 12)], first=5, at_ms=START_MS + DAY_MS)
    last = [
        setup(20, called_number=NUMBER),
        setup(21, diversion=["+13035550100", NUMBER]),
        setup(22, from_number=NUMBER),
    ]
    put(store, CALL_EVENTS, [*map(encoded, last), encoded(setup(23, called_number=NUMBER + "4"))], first=7)
    before, newest = rows(store, CALL_EVENTS), latest_files(store, [CALL_EVENTS])

    assert erased(store) == {0: 1, 7: 3}
    after = rows(store, CALL_EVENTS)
    assert after == [row for row in before if row["kafka_offset"] not in {3, 7, 8, 9}]
    assert {place: file.path for place, file in latest_files(store, [CALL_EVENTS]).items()} == {
        place: file.path for place, file in newest.items()
    }
    assert erased(store) == {}


@pytest.mark.parametrize("key", [None, NumberKey(SECRET)])
def test_a_number_goes_in_whatever_form_a_switch_wrote_it(key: NumberKey | None, store: ArchiveStore) -> None:
    """Where switches leave the country's code or `+` out; `+2025550003` is a number of Egypt."""
    written = [NUMBER, "12025550003", "2025550003", "+2025550003", "20255500030", "5552025550003"]
    callers = [setup(n, calling_number=number) for n, number in enumerate(written)]
    called = [setup(n, called_number=number, diversion=["2025550003"]) for n, number in enumerate(written[2:4], 10)]
    put(store, CALL_EVENTS, [*map(encoded, callers), *map(encoded, called), encoded(setup(20))], key=key)

    assert erased(store, key=key) == {0: 5}
    assert [row["kafka_offset"] for row in rows(store, CALL_EVENTS)] == [3, 4, 5, 8]


def test_a_note_that_names_the_number_goes_too(store: ArchiveStore) -> None:
    said = {"time_ms": START_MS, "call_id": "c", "verdict": "legitimate", "source": "analyst", "note": f"is {NUMBER}."}
    put(store, CALL_FEEDBACK, [encoded(said), encoded(said | {"note": "is +120255500031"})])
    assert erased(store, CALL_FEEDBACK) == {0: 1}


def test_a_case_that_has_the_number_among_its_facts_goes_too(store: ArchiveStore) -> None:
    entry = {"entry_id": "1", "time_ms": START_MS, "who": "M. Lee", "what": "opened"}
    case = {"case_id": "a", "kind": "change", "state": "closed", "subject": "list allow", "opened_ms": START_MS,
            "updated_ms": START_MS, "is_held": False, "details": {"added": f"+12025550009, {NUMBER}"},
            "history": [entry]}  # fmt: skip
    other = case | {"case_id": "b", "details": {"added": "+120255500031"}}
    put(store, CASE_RECORDS, [encoded(other), encoded(case)])
    assert erased(store, CASE_RECORDS) == {0: 1}
    assert [row["case_id"] for row in rows(store, CASE_RECORDS)] == ["b"]


def test_digests_go_with_the_key_and_nothing_without(store: ArchiveStore) -> None:
    key = NumberKey(SECRET)
    put(store, CALL_EVENTS, [encoded(setup(n)) for n in range(5)], key=key)
    for wrong in (None, NumberKey("another secret of them")):
        with pytest.raises(ArchiveUnusable, match="ROBOCALL_ARCHIVE_NUMBER_KEY"):
            erased(store, key=wrong)
    assert erased(store, key=key) == {0: 1}
    assert [row["kafka_offset"] for row in rows(store, CALL_EVENTS)] == [0, 1, 2, 4]


def test_a_file_that_is_merged_meanwhile_is_erased_too(store: ArchiveStore) -> None:
    """It has read its parts before they were erased, and counts in their stead."""
    for first in (0, 3, 6):
        put(store, CALL_EVENTS, [encoded(setup(n, called_number=NUMBER)) for n in range(first, first + 3)], first=first)
    erasing = erase(store, CALL_EVENTS, NUMBER, None)
    next(erasing)
    (merged,) = compact(store, CALL_EVENTS, "2026-06-30")
    assert sum(gone for file, gone in erasing if file.path == merged.file.path) == 6
    assert rows(store, CALL_EVENTS) == []


def test_a_file_that_went_meanwhile_is_no_error_and_a_damaged_one_is(store: ArchiveStore, tmp_path: Path) -> None:
    """What a merge deleted stands in the merged file."""
    for first in (0, 3):
        put(store, CALL_EVENTS, [encoded(setup(n)) for n in range(first, first + 3)], first=first)
    list(compact(store, CALL_EVENTS, "2026-06-30"))
    erasing = erase(store, CALL_EVENTS, NUMBER, None)
    next(erasing)
    clear(store, CALL_EVENTS, grace_s=-1)
    assert {file.first for file, _ in erasing} == {0}
    assert [row["kafka_offset"] for row in rows(store, CALL_EVENTS)] == [0, 1, 2, 4, 5]

    (path,) = (tmp_path / "archive").rglob("*.parquet")
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(ArchiveUnusable):
        list(erase(store, CALL_EVENTS, NUMBER, None))
