"""Looking a call up: found by numbers and time, by one number or by its id, with its end and decision, once."""

import json
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from streams.archive.calls import ArchivedCall, Sought, find
from streams.archive.erasing import erase
from streams.archive.export import Span, events, parts_of
from streams.archive.files import ArchiveStore
from streams.archive.numbers import NumberKey
from streams.archive.output import fetched
from streams.archive.query import QueryRefused, ask, connected, duckdb
from streams.archive.upkeep import clear, compact
from streams.contract_docs.examples import examples
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from tests.streams.archive.archive_case import DAY_MS, SECRET, START_MS, encoded, put, setup

CALLED = "+13035550142"
NEXT_DAY = "2026-05-29"
MINUTE_MS = 60_000


def ended(number: int, *, answer_ms: int | None = 5_000, end_ms: int = 35_000, **more: Any) -> dict[str, Any]:
    """The end of `setup(number)`; answered so long after its set-up, or never."""
    began = setup(number)
    times = {"end_time_ms": began["setup_time_ms"] + end_ms}
    if answer_ms is not None:
        times["answer_time_ms"] = began["setup_time_ms"] + answer_ms
    return began | {"type": "call_end", "sip_status": 200} | times | more


@pytest.fixture
def store(tmp_path: Path) -> ArchiveStore:
    return ArchiveStore(str(tmp_path / "archive"))


def found(store: ArchiveStore, **sought: Any) -> list[ArchivedCall]:
    with connected(store) as connection:
        return find(connection, Sought(**sought))


def around(number: int, tolerance_ms: int = 0) -> dict[str, int]:
    time_ms = START_MS + 1_000 * number
    return {"begin_ms": time_ms - tolerance_ms, "end_ms": time_ms + tolerance_ms}


def test_a_call_is_found_with_its_end_and_its_decision(store: ArchiveStore) -> None:
    (shadow,) = (one for one in examples() if one.name == "shadow")
    decision = json.loads(shadow.value) | {
        name: setup(3)[name] for name in ("call_id", "setup_time_ms", "calling_number", "called_number")
    } | {"trunk_group_id": "nyc-ix-7", "action": "allow", "would_be": "block", "mode": "shadow"}  # fmt: skip
    put(store, CALL_EVENTS, [encoded(setup(n, source_ip=f"192.0.2.{n}")) for n in range(5)])
    put(store, CALL_EVENTS, [encoded(ended(n, egress_ocn="123A", treatment="allow")) for n in range(5)], first=5)
    put(store, CALL_DECISIONS, [encoded(decision)])
    (call,) = found(store, called_number=CALLED, calling_number="+12025550003", **around(3))
    assert (call.set_up.call_id, call.set_up.source_ip, call.set_up.trunk_group_id) == (
        "call-3",
        "192.0.2.3",
        "nyc-ix-7",
    )
    assert call.end is not None
    assert (call.end.egress_ocn, call.end.treatment, call.duration_s, call.is_answered) == ("123A", "allow", 30.0, True)
    assert (call.action, call.decision_id) == ("allow", decision["decision_id"])


def test_the_span_holds_both_of_its_ends(store: ArchiveStore) -> None:
    put(store, CALL_EVENTS, [encoded(setup(n, calling_number="+12025550100")) for n in range(10)])
    calls = found(store, called_number=CALLED, calling_number="+12025550100", **around(5, 2_000))
    assert [call.set_up.call_id for call in calls] == ["call-3", "call-4", "call-5", "call-6", "call-7"]


def test_a_set_up_that_was_published_twice_is_one_call(store: ArchiveStore) -> None:
    put(store, CALL_EVENTS, [encoded(setup(1)), encoded(setup(1)), encoded(setup(1, trunk_group_id="other"))])
    calls = found(store, called_number=CALLED, calling_number="+12025550001", **around(1))
    assert sorted(call.set_up.trunk_group_id for call in calls) == ["nyc-ix-7", "other"]


def test_an_end_that_knows_no_set_up_time_is_joined(store: ArchiveStore) -> None:
    end = ended(1, answer_ms=None)
    del end["setup_time_ms"]
    put(store, CALL_EVENTS, [encoded(setup(1)), encoded(setup(2)), encoded(end)])
    (call,) = found(store, called_number=CALLED, calling_number="+12025550001", **around(1))
    assert (call.is_answered, call.duration_s) == (False, None)
    (other,) = found(store, called_number=CALLED, calling_number="+12025550002", **around(2))
    assert (other.end, other.is_answered) == (None, None)


def test_a_call_that_arrived_on_the_next_day_is_found(store: ArchiveStore) -> None:
    put(store, CALL_EVENTS, [encoded(setup(1))], at_ms=START_MS + DAY_MS)
    assert len(found(store, called_number=CALLED, calling_number="+12025550001", **around(1))) == 1


def test_one_number_and_an_id_are_enough(store: ArchiveStore) -> None:
    put(store, CALL_EVENTS, [encoded(setup(n)) for n in range(4)])
    put(store, CALL_EVENTS, [encoded(setup(10))], first=4, at_ms=START_MS + 9 * DAY_MS)
    assert len(found(store, called_number=CALLED)) == 5
    assert [call.set_up.call_id for call in found(store, calling_number="+12025550010")] == ["call-10"]
    assert [call.set_up.calling_number for call in found(store, call_ids=["call-2", "no call"])] == ["+12025550002"]
    assert found(store, call_ids=["it's none"]) == []


def test_digests_are_found_by_their_digests(store: ArchiveStore) -> None:
    key = NumberKey(SECRET)
    put(store, CALL_EVENTS, [encoded(setup(n)) for n in range(4)], key=key)
    sought = {"called_number": key.number(CALLED), "calling_number": key.number("+12025550002")}
    assert [call.set_up.call_id for call in found(store, **sought, **around(2))] == ["call-2"]
    assert found(store, called_number=CALLED) == []


def test_a_compacted_archive_answers_and_exports_the_same(store: ArchiveStore) -> None:
    """Whatever the numbers and times: the same calls are found, and events leave in the same order."""
    random_ = random.Random(20260528)
    first = 0
    for _ in range(12):
        each = random_.randint(1, 30)
        rows = [setup(random_.randint(0, 40), call_id=f"c{first + n}") for n in range(each)]
        put(store, CALL_EVENTS, [encoded(row) for row in rows], first=first)
        first += each
    spans = [around(random_.randint(0, 40), random_.randint(0, 9_000)) for _ in range(20)]
    asked = [{"called_number": CALLED, "calling_number": f"+1202555{n:04}", **spans[n % 20]} for n in range(41)]
    whole = Span(START_MS - DAY_MS, START_MS + DAY_MS)
    before = [found(store, **one) for one in asked]
    exported = list(events(store, parts_of(store, whole), whole))
    assert sum(map(len, before)) > 10
    list(compact(store, CALL_EVENTS, NEXT_DAY))
    clear(store, CALL_EVENTS, grace_s=-1)
    assert len(store.files(CALL_EVENTS)) == 1
    assert [found(store, **one) for one in asked] == before
    assert list(events(store, parts_of(store, whole), whole)) == exported


def test_merged_and_erased_files_have_filters_that_are_used(store: ArchiveStore) -> None:
    """A number that no filter lets through is answered without a page of the file: here they are all damaged."""
    for n in range(2):
        put(store, CALL_EVENTS, [encoded(setup(m)) for m in range(n, 5_000, 2)], first=2_500 * n)
    (merged,) = compact(store, CALL_EVENTS, NEXT_DAY)
    clear(store, CALL_EVENTS, grace_s=-1)
    assert has_filters(store)
    list(erase(store, CALL_EVENTS, "+12025550003", None))
    assert has_filters(store)
    path = Path(store.address(merged.file))
    group = pq.read_metadata(path).row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    (calling,) = (column for column in columns if column.path_in_schema == "calling_number")
    with path.open("r+b") as file:
        file.seek(calling.dictionary_page_offset or calling.data_page_offset)
        file.write(b"\xff" * calling.total_compressed_size)
    sql = "SELECT call_id FROM call_events WHERE calling_number = '{}'"
    with connected(store) as connection:
        assert list(fetched(ask(connection, sql.format("+12025550003")))) == []
        with pytest.raises(QueryRefused):
            list(fetched(ask(connection, sql.format("+12025550777"))))


def has_filters(store: ArchiveStore) -> bool:
    """Every column that is looked up has a Bloom filter in every row group."""
    names = {"calling_number", "called_number", "call_id", "decision_id"}
    for file in store.files(CALL_EVENTS):
        rows = (
            duckdb()
            .sql(
                "SELECT path_in_schema, bloom_filter_length > 0 FROM "  # noqa: S608 - a path of the test
                f"parquet_metadata('{store.address(file)}')"
            )
            .fetchall()
        )
        if {name for name, has in rows if has} != names:
            return False
    return True
