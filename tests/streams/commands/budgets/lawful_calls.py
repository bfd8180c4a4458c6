"""Traffic for a measure, as JSON lines: people who call each other and talk, registered senders, and a burst."""

import json
from pathlib import Path

START_MS = 1_763_600_000_000
PEOPLE, SENDERS = 400, 40
BURST_NUMBER = "+13125559999"
EVERY_MS = 45_000


def person(index: int) -> str:
    """A subscriber's number."""
    return f"+1202555{index:04d}"


def sender(index: int) -> str:
    """A registered sender's number."""
    return f"+1415555{index:04d}"


def call(name: str, at_ms: int, calling: str, called: str, talk_ms: int = 30_000) -> list[tuple[int, str]]:
    """A call and its end, each with its time."""
    event = {
        "call_id": name,
        "setup_time_ms": at_ms,
        "calling_number": calling,
        "called_number": called,
        "trunk_group_id": "t-1",
    }
    end_ms = at_ms + 1_000 + talk_ms
    end = {"type": "call_end", "answer_time_ms": at_ms + 1_000, "end_time_ms": end_ms, "sip_status": 200}
    return [(at_ms, json.dumps({"type": "call_setup", **event})), (end_ms, json.dumps({**event, **end}))]


def lawful(start_ms: int = START_MS) -> list[tuple[int, str]]:
    """Each person calls another and is called back; each sender calls two people."""
    events: list[tuple[int, str]] = []
    at_ms = start_ms
    for index in range(0, PEOPLE, 2):
        one, other = person(index), person(index + 1)
        events += call(f"there-{index}", at_ms, one, other)
        events += call(f"back-{index}", at_ms + EVERY_MS, other, one)
        at_ms += 2 * EVERY_MS
    for index in range(SENDERS):
        events += call(f"sent-{index}", start_ms + index * EVERY_MS, sender(index), person(index), talk_ms=3_000)
        events += call(f"again-{index}", start_ms + (index + 50) * EVERY_MS, sender(index), person(index + 9))
    return events


def burst(start_ms: int) -> list[tuple[int, str]]:
    """Forty calls of one number within four seconds."""
    return [
        (start_ms + 100 * n, line)
        for n in range(40)
        for _, line in call(f"burst-{n}", start_ms + 100 * n, BURST_NUMBER, person(n))[:1]
    ]


def write(path: Path, events: list[tuple[int, str]]) -> Path:
    """Events in order of time, one a line."""
    path.write_text("".join(f"{line}\n" for _, line in sorted(events, key=lambda event: event[0])))
    return path


def write_senders(path: Path) -> Path:
    """Registered senders with a note behind each."""
    path.write_text("number,who\n" + "".join(f"{sender(index)}, customer {index}\n" for index in range(SENDERS)))
    return path
