"""What becomes of a case: bounds, entries that come twice, and when it may go."""

from dataclasses import replace

import pytest

from streams.cases.changes import CaseRefused, appended, earliest_ms, is_past, new_case_id, new_entry, opened
from streams.wire.cases import MAX_CASE_BYTES, MAX_ENTRIES, Case, CaseKind, read_case
from streams.wire.records import encode

NOW_MS = 1_790_000_000_000  # 2026-09-21T14:13:20Z
DAY_MS = 86_400_000
ENTRY = new_entry(who=" M. Lee ", what="opened", why=None, now_ms=NOW_MS)
CASE = opened(CaseKind.CHANGE, ENTRY, subject="list allow", details={"added": "+12025550123"})


def test_an_id_tells_kind_and_day_and_is_ones_own() -> None:
    one, other = (new_case_id(CaseKind.LOOK_UP, NOW_MS) for _ in range(2))
    assert one.startswith("look_up-20260921-")
    assert one != other


def test_an_id_tells_from_when_on_there_may_be_records() -> None:
    """The day before its own begins, by UTC; an id of another form says nothing."""
    assert earliest_ms("look_up-20260921-0123456789") == 1_789_862_400_000  # 2026-09-20T00:00:00Z
    assert earliest_ms(new_case_id(CaseKind.REDRESS, NOW_MS)) < NOW_MS - DAY_MS
    others = ("mine", "redress-20261341-0123456789", "a-20260921-", "-19700101-0")
    assert [earliest_ms(text) for text in others] == [0] * 4


def test_a_case_is_read_back_as_it_was_made() -> None:
    assert read_case(encode(CASE)) == CASE
    assert (CASE.history[0].who, CASE.state, CASE.opened_ms) == ("M. Lee", "open", NOW_MS)


def test_an_entry_is_added_once() -> None:
    later = new_entry(who="A. Roe", what="asked", why="by mail", now_ms=NOW_MS + 1)
    once = appended(CASE, later)
    assert once.history == (ENTRY, later)
    assert once.updated_ms == NOW_MS + 1
    assert appended(once, later) is once


def test_a_full_case_says_to_open_another() -> None:
    full = replace(CASE, history=tuple(replace(ENTRY, entry_id=str(n)) for n in range(MAX_ENTRIES)))
    with pytest.raises(CaseRefused, match=r"is full \(1,000 entries, 256 KiB\): open another case"):
        appended(full, replace(ENTRY, entry_id="one more"))
    with pytest.raises(CaseRefused, match="is full"):
        opened(CaseKind.CHANGE, ENTRY, subject=None, details={"added": "+" * MAX_CASE_BYTES})


@pytest.mark.parametrize("said", [{"who": " "}, {"who": "x" * 129}, {"why": ""}, {"why": "x" * 1_001}, {"what": ""}])
def test_what_says_nothing_or_too_much_is_refused(said: dict[str, str]) -> None:
    with pytest.raises(CaseRefused, match="has 1 to"):
        new_entry(**({"who": "M. Lee", "what": "opened", "why": None} | said), now_ms=NOW_MS)  # type: ignore[arg-type]


def test_an_id_of_another_form_is_refused() -> None:
    with pytest.raises(CaseRefused, match="is no id of a case"):
        opened(CaseKind.CHANGE, ENTRY, subject=None, details={}, case_id="../x")


@pytest.mark.parametrize(
    "value",
    [
        None, b"", b"{}", b"[" * 500, b"\xff", b" " * (MAX_CASE_BYTES + 1),
        encode(replace(CASE, history=())), encode(replace(CASE, opened_ms=-1)), encode(replace(CASE, case_id="")),
    ],
)  # fmt: skip
def test_what_is_no_case_is_none(value: bytes | None) -> None:
    """Whoever may write the topic may write anything."""
    assert read_case(value) is None


@pytest.mark.parametrize(
    ("case", "days", "may_go"),
    [
        (replace(CASE, state="closed"), 10.5, True),
        (replace(CASE, state="closed"), 9.5, False),
        (replace(CASE, state="pending"), 4_000, False),
        (replace(CASE, state="granted", is_held=True), 4_000, False),
    ],
)
def test_only_an_ended_case_goes_that_nobody_holds_after_its_retention(case: Case, days: float, may_go: bool) -> None:
    now_ms = NOW_MS + round(days * DAY_MS)
    assert is_past(case, retention_days=10, now_ms=now_ms) is may_go
