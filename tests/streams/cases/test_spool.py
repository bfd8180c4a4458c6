"""The spool keeps what cannot be sent, in order, and never more than it may."""

from pathlib import Path

import pytest

from streams.cases import spool as module
from streams.cases.changes import new_entry, opened
from streams.cases.spool import Spool, SpoolFull
from streams.wire.cases import Case, CaseKind

NOW_MS = 1_790_000_000_000


def case(number: int) -> Case:
    entry = new_entry(who="M. Lee", what="list_added", why=None, now_ms=NOW_MS + number)
    return opened(CaseKind.CHANGE, entry, subject=None, details={"n": str(number)})


def test_what_waits_comes_back_oldest_first_and_what_is_no_record_stays(tmp_path: Path) -> None:
    spool, cases = Spool(tmp_path / "spool"), [case(number) for number in (2, 0, 1)]
    assert (len(spool), list(spool.waiting())) == (0, [])
    for one in cases:
        spool.keep(one)
    (tmp_path / "spool" / "0.json").write_text("{")

    found = [one for _, one in spool.waiting()]

    assert found == sorted(cases, key=lambda one: one.opened_ms)
    assert len(spool) == 4


def test_a_record_that_comes_twice_waits_once(tmp_path: Path) -> None:
    spool, one = Spool(tmp_path / "spool"), case(0)
    spool.keep(one)
    spool.keep(one)
    assert len(spool) == 1


def test_a_full_spool_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 1)
    spool = Spool(tmp_path / "spool")
    spool.keep(case(0))
    with pytest.raises(SpoolFull, match="see that Kafka takes them"):
        spool.keep(case(1))
