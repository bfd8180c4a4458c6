"""Whoever waits sees at once what for, and every few seconds that it still goes on and how far it is."""

import io
import threading

import pytest
from rich.console import Console

from streams.running import progress


class Watched(io.StringIO):
    """What is written; `come` is set when `awaited` was."""

    def __init__(self, awaited: str) -> None:
        super().__init__()
        self.awaited, self.come = awaited, threading.Event()

    def write(self, text: str) -> int:
        written = super().write(text)
        if self.awaited in text:
            self.come.set()
        return written


def test_without_a_terminal_lines_are_written_at_once_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was said last stands in the later lines, with how far that is and since when."""
    monkeypatch.setattr(progress, "EVERY_S", 0.001)
    shown = Watched("Downloading, 3 of 4 MB, 75%, ")

    with progress.step("Downloading", Console(file=shown, force_terminal=False)) as say:
        first = shown.getvalue()
        say("3 of 4 MB", 3, 4)
        assert shown.come.wait(60)

    assert first.startswith("Downloading\n")


def test_what_is_quick_is_not_mentioned_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that asks every minute has no line of it; what takes long after all is shown."""
    monkeypatch.setattr(progress, "FIRST_S", 3_600.0)
    shown, slow = io.StringIO(), Watched("Asking, ")

    with progress.step("Asking", Console(file=shown, force_terminal=False), quick=True):
        pass
    assert shown.getvalue() == ""

    monkeypatch.setattr(progress, "FIRST_S", 0.001)
    with progress.step("Asking", Console(file=slow, force_terminal=False), quick=True):
        assert slow.come.wait(60)


def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    """Which leaves nothing behind, and leaves standard output to programs."""
    shown = Watched("Downloading, 3 of 4 MB")

    with progress.step("Downloading", Console(file=shown, force_terminal=True, width=100)) as say:
        say("3 of 4 MB", 3, 4)
        print("for a program")  # noqa: T201 - what is tested
        assert shown.come.wait(60)

    assert capsys.readouterr().out == "for a program\n"
    assert "for a program" not in shown.getvalue()


def test_a_quiet_console_shows_nothing() -> None:
    """For tests and for programs."""
    shown = io.StringIO()

    with progress.step("Downloading", Console(file=shown, quiet=True)):
        pass

    assert shown.getvalue() == ""
