"""Whoever waits sees at once what for, and every few seconds that it still goes on."""

import io
import threading

import pytest
from rich.console import Console

from streams.running import progress


def test_without_a_terminal_lines_are_written_at_once_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The detail that was said last stands in the later lines."""
    monkeypatch.setattr(progress, "EVERY_S", 0.001)
    lines, later = io.StringIO(), threading.Event()

    class Watched(io.StringIO):
        def write(self, text: str) -> int:
            if "3 of 4" in text:
                later.set()
            return lines.write(text)

    with progress.step("Downloading", Console(file=Watched(), force_terminal=False)) as say:
        assert lines.getvalue() == "Downloading\n"
        say("3 of 4 MB")
        assert later.wait(60)


def test_a_quiet_console_shows_nothing() -> None:
    """For tests and for programs."""
    shown = io.StringIO()

    with progress.step("Downloading", Console(file=shown, quiet=True)):
        pass

    assert shown.getvalue() == ""
