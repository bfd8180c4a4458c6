"""Events of all forms in one file: generated ones, valid ones in unusual form, and malformed ones."""

import json
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks.harness.backlog import cached_events, event_file
from tests.streams.wire.malformed import corpus

EVERY = 250
"""One event in so many is not as the generator wrote it."""
Form = Callable[[dict[str, Any]], bytes]


def _spaced(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(" , ", " : ")).encode()


def _backwards(record: dict[str, Any]) -> bytes:
    return json.dumps(dict(reversed(record.items()))).encode()


def _escaped(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).replace("+", "\\u002b").encode()


def _with_unknown_fields(record: dict[str, Any]) -> bytes:
    more = {"vendor": {"trace": [1, {"x": None}]}, "zone": "Zürich"}
    return json.dumps(more | record, ensure_ascii=False).encode()


def _anonymous(record: dict[str, Any]) -> bytes:
    return json.dumps(record | {"calling_number": "anonymous"}, separators=(",", ":")).encode()


def _late(record: dict[str, Any]) -> bytes:
    times = {name: value - 7_200_000 for name, value in record.items() if name.endswith("_time_ms")}
    return json.dumps(record | times, separators=(",", ":")).encode()


FORMS: tuple[Form, ...] = (_spaced, _backwards, _escaped, _with_unknown_fields, _anonymous, _late)


def mixed_event_file(events: int, seed: int) -> Path:
    """So many events, one a line; half of every `EVERY` are of a form of `FORMS`, half are malformed."""
    return cached_events("mixed", events, seed, lambda: _mixed(event_file(events, seed), events, seed))


def _mixed(plain: Path, events: int, seed: int) -> Iterator[bytes]:
    forms, bad = cycle(FORMS), (line for _, line in corpus(events // EVERY, seed))
    with plain.open("rb") as file:
        for number, line in enumerate(file):
            if number % EVERY == EVERY - 1:
                yield next(bad).replace(b"\n", b" ")
            elif number % EVERY == EVERY // 2:
                yield next(forms)(json.loads(line))
            else:
                yield line.rstrip(b"\n")
