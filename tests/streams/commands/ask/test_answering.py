"""Answers are written one by one as they are given."""

import io
import json
from pathlib import Path

import click
import pytest
from rich.console import Console

from detector.contract.events import Verdict
from streams.commands.ask.answering import answered, appended, session, show
from streams.commands.questions.asked import Asked
from streams.wire.feedback import FeedbackRefused, read_feedback

FIRST = Asked("number block +1202555 in trunk group nyc", "3 calls", "why", ("reason",), "", ("call",), ("a", "b", "c"))
SECOND = Asked("calling number x by trunk group 7", "1 call", "why", (), "analyst: 1 lawful", (), ("d",))


def screen() -> Console:
    return Console(file=io.StringIO(), width=200)


def typed(keys: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person types, one key after the other; after the last one Ctrl-C."""
    left = iter(keys)

    def key() -> str:
        for one in left:
            return one
        raise KeyboardInterrupt

    monkeypatch.setattr(click, "getchar", key)


def records(path: Path) -> list[tuple[str | None, Verdict]]:
    """Call and verdict of each record, all of which keep the contract."""
    found = [read_feedback(line) for line in path.read_bytes().splitlines()]
    kept = [one for one in found if not isinstance(one, FeedbackRefused)]
    assert len(kept) == len(found)
    return [(one.call_id, one.verdict) for one in kept]


def test_an_answer_is_about_each_call_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other keys are not heard; what is skipped stays open."""
    typed("xR1s", monkeypatch)
    with appended(tmp_path / "answers.jsonl") as out:
        assert session([FIRST, SECOND], out, screen()) == (1, 3)

    assert records(tmp_path / "answers.jsonl") == [(one, Verdict.ROBOCALL) for one in "abc"]
    first = json.loads((tmp_path / "answers.jsonl").read_text().splitlines()[0])
    assert (first["source"], first["campaign"]) == ("analyst", FIRST.what)


def test_what_was_answered_is_safe_when_the_person_has_had_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Ctrl-C; by q the session ends with what was answered."""
    path = tmp_path / "answers.jsonl"
    typed("l", monkeypatch)
    with appended(path) as out, pytest.raises(KeyboardInterrupt):
        session([FIRST, SECOND], out, screen())
    assert records(path) == [(one, Verdict.LEGITIMATE) for one in "abc"]
    assert {json.loads(line).get("campaign") for line in path.read_text().splitlines()} == {None}

    typed("q", monkeypatch)
    with appended(path) as out:
        assert session([SECOND], out, screen()) == (0, 0)


def test_answers_are_added_behind_what_stands_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its last line was left without an end."""
    path = tmp_path / "answers.jsonl"
    path.write_bytes(answered(SECOND, Verdict.ROBOCALL, 1_764_000_000_000).rstrip(b"\n"))
    typed("l", monkeypatch)
    with appended(path) as out:
        session([SECOND], out, screen())

    assert records(path) == [("d", Verdict.ROBOCALL), ("d", Verdict.LEGITIMATE)]


def test_what_strangers_wrote_does_not_reach_the_terminal_raw() -> None:
    """Nor is it taken for markup."""
    console = Console(file=io.StringIO(), width=200, force_terminal=True)
    hostile = Asked(
        "number block +1202555 in trunk group \x1b]0;x\x07[red]", "1 call", "why", (), "", ("\x1b[2J",), ("a",)
    )

    show(hostile, "1 of 1", console)

    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "\x1b" not in shown
    assert "[red]" in shown
