"""Ask a person on a terminal, one key an answer."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click
from rich.console import Console

from detector.contract.events import Verdict
from streams.commands.questions.asked import Asked
from streams.running.clock import wall_clock_ms
from streams.running.printable import printable
from streams.wire.feedback import said_of
from streams.wire.records import encode

KEYS = {"r": Verdict.ROBOCALL, "l": Verdict.LEGITIMATE, "s": None}
"""What each key answers; None leaves the question open."""
QUIT = "q"
PROMPT = "r robocall, l lawful, s skip, q quit: "


@contextmanager
def appended(path: Path) -> Iterator[BinaryIO]:
    """Open a file of records to add to it, each write at once; a line that was left without its end gets one.

    Args:
        path: of the file; made where it is missing. Opening and writing block for the disk.

    Raises:
        OSError: it cannot be written; also by each write.
    """
    with path.open("ab+", buffering=0) as out:
        if out.tell():
            out.seek(-1, io.SEEK_END)
            if out.read(1) != b"\n":
                out.write(b"\n")
        yield out


def answered(asked: Asked, verdict: Verdict, now_ms: int) -> bytes:
    """Records of `call-feedback`, one a line: an answer about a cluster is one about each of its calls that is named.

    Args:
        asked: The question.
        verdict: The answer.
        now_ms: When it was given, epoch milliseconds.
    """
    said = said_of(asked.what, asked.call_ids, verdict, now_ms)
    return b"".join(encode(one) + b"\n" for one in said)


def session(questions: Sequence[Asked], out: BinaryIO, console: Console) -> tuple[int, int]:
    """Ask one after the other, and write each answer before the next question is asked.

    It waits for a person. An answer that was given is safe whatever comes after it.

    Args:
        questions: What is asked, in order.
        out: Unbuffered; takes the records.
        console: The terminal.

    Returns:
        How many were answered, and how many calls are labelled by that.

    Raises:
        KeyboardInterrupt: the person has had enough.
        OSError: an answer cannot be written.
    """
    answers, calls = 0, 0
    for number, asked in enumerate(questions, 1):
        show(asked, f"{number} of {len(questions)}", console)
        key = _key(console)
        if key == QUIT:
            break
        verdict = KEYS[key]
        if verdict is not None:
            out.write(answered(asked, verdict, wall_clock_ms()))
            answers, calls = answers + 1, calls + len(asked.call_ids)
    return answers, calls


def _key(console: Console) -> str:
    """One of the keys; others are not heard."""
    console.print(PROMPT, end="", highlight=False, markup=False)
    while True:
        try:
            key = click.getchar().lower()
        except EOFError:
            key = QUIT
        if key in KEYS or key == QUIT:
            console.print(key, highlight=False, markup=False)
            return key


def show(asked: Asked, number: str, console: Console) -> None:
    """Show a question to a person, with what strangers wrote made harmless.

    Args:
        asked: The question.
        number: Which one it is, "3 of 20".
        console: On which it is shown.
    """
    lines = [f"{number}: {asked.what}", f"  {asked.calls}", f"  asked because {asked.why}"]
    lines += [f"  model: {reason}" for reason in asked.reasons]
    lines += [f"  said so far: {asked.said}"] if asked.said else []
    lines += [f"    {example}" for example in asked.examples]
    console.print()
    for line in lines:
        console.print(printable(line), highlight=False, markup=False, soft_wrap=True)
