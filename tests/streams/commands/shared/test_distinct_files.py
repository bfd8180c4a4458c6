"""A command line that would write what it reads, or write one file twice, is wrong usage."""

from pathlib import Path

import click
import pytest

from streams.commands.shared.distinct_files import require_distinct


def test_a_file_that_is_read_is_not_written(tmp_path: Path) -> None:
    """By another path to it, and by a hard link to it."""
    events = tmp_path / "events"
    events.write_text("event")
    (tmp_path / "link").hardlink_to(events)
    (tmp_path / "folder").mkdir()
    for other in (events, tmp_path / "folder" / ".." / "events", tmp_path / "link"):
        with pytest.raises(click.UsageError, match="EVENTS and --out name the same file"):
            require_distinct({"EVENTS": events}, {"--out": other})


def test_two_results_are_not_written_to_one_file_that_is_not_there_yet(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="name the same file"):
        require_distinct({}, {"--out": tmp_path / "new", "--labels": f"{tmp_path}/./new"})


def test_files_that_differ_streams_and_what_was_not_given_pass(tmp_path: Path) -> None:
    """/dev/null may be written twice, and `-` is no file."""
    (tmp_path / "events").write_text("event")
    require_distinct(
        {"EVENTS": tmp_path / "events", "LABELS": None, "MORE": "-"},
        {"--out": tmp_path / "out", "--a": "/dev/null", "--b": "/dev/null", "--c": "-"},
    )
