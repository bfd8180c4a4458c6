"""Scorecards on a terminal of any width: sentences first, then tables that nothing is cut from."""

from datetime import date

import pytest

from streams.commands.scorecards.showing import show
from streams.scorecards.cards import cards_of
from streams.scorecards.counts import Counts
from streams.scorecards.query import Line
from streams.upstreams.entries import Upstream
from tests.streams.upstreams.upstream_case import upstream

DAY = date(2026, 11, 27)


def shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lines: list[Line], *register: Upstream
) -> list[str]:
    monkeypatch.setenv("COLUMNS", "40")
    show(cards_of(lines, register, DAY), DAY, top=5, is_wide=False)
    return [line.rstrip() for line in capsys.readouterr().err.splitlines()]


def test_whom_to_call_says_why_how_sure_and_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = Counts(calls=1_000, judged=1_000, suspect=300, tracebacks=2)
    bad, stranger = (
        Line("bad", None, counts, frozenset({"c1", "c2"})),
        Line("x\x1b[2J", None, Counts(calls=50, invalid=9)),
    )
    known = upstream("bad", legal_name="Bad Telecom", contact=None)

    told = shown(monkeypatch, capsys, [bad, stranger], known)

    assert told[:5] == [
        f"Whom to call on {DAY}",
        "Bad Telecom: 30% suspect calls, tracebacks",
        "  1,000 calls, 27.2% to 32.9% suspect (new), 2 campaigns, 2 traced; the register has no contact",
        "trunk group x\\x1b[2J: 18% invalid numbers, nobody knows whose",
        "  50 calls; the register has no contact",
    ]
    assert "By trunk" in told
    assert not any("\x1b" in line or "…" in line for line in told)
    assert any(line.startswith("bad ") and line.endswith("suspect tracebacks") for line in told)


def test_columns_and_tables_without_anything_are_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = shown(monkeypatch, capsys, [Line("good", None, Counts(calls=30, judged=30))], upstream("good"))

    assert told[1] == "  nobody"
    (headings, *_) = (line for line in told if "suspect" in line)
    assert not {"campaigns", "traced", "rotated", "alarms"} & set(headings.split())
    assert shown(monkeypatch, capsys, []) == [f"Whom to call on {DAY}", "  nobody", f"no call of {DAY} is archived"]
