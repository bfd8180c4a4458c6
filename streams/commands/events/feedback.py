"""What was said of calls: files of feedback, and what the archive has of it."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console

from detector.contract.events import Feedback
from models.data.files import DAMAGED
from models.errors import TrainingDataInvalid
from streams.commands.events.source import Source
from streams.files import open_input
from streams.running.printable import counted_in_words
from streams.running.progress import step
from streams.wire.feedback import FeedbackRefused, read_feedback


def feedback_of(source: Source, files: tuple[Path, ...], console: Console) -> list[Feedback]:
    """What was said of calls; refused records are counted on the screen. Blocks for the disk.

    Args:
        source: The calls; of those of the archive, what it has of feedback is taken too.
        files: Records of `call-feedback`, one a line.
        console: On which progress is shown.

    Raises:
        TrainingDataInvalid: a file is damaged, or there is no record in any.
        OSError: a file cannot be read.
        RobocallError: the archive cannot be read.
    """
    found: list[Feedback] = []
    if not files and not source.is_archived:
        return found
    refused: list[str] = []
    with step("Reading feedback", console) as say:
        for file in files:
            for number, one in enumerate(_records(file), 1):
                if isinstance(one, FeedbackRefused):
                    refused.append(f"{file} line {number}: {one.message}")
                else:
                    found.append(one)
                say(f"{len(found):,} records, {len(refused):,} refused")
        if refused:
            records = counted_in_words(len(refused), "record")
            text = f"{records} of feedback cannot be used, the first: {refused[0]}"
            console.print(text, markup=False, soft_wrap=True)
        if files and not found:
            raise TrainingDataInvalid(
                f"no line of {', '.join(map(str, files))} is a record of feedback: "
                "`robocall feedback import --out` makes them"
            )
        found = list(source.alike(found))
        for one in source.feedback():
            found.append(one)
            say(f"{len(found):,} records")
    return found


def _records(file: Path) -> Any:
    with ExitStack() as stack:
        try:
            for line in open_input(str(file), stack):
                if line.strip():
                    yield read_feedback(line.strip())
        except DAMAGED as error:
            raise TrainingDataInvalid(f"{file} is damaged or truncated") from error
