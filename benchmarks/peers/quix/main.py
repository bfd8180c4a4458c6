"""Quix Streams: one `apply`, on its state store or on a dictionary. See README.md."""

import gc
import marshal
import os
from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from quixstreams import Application, State

from benchmarks.peers.arguments import parse
from benchmarks.peers.job import SHORT_TALK_MS, WINDOW_MS, answer
from benchmarks.peers.memory import MemoryJob

Job = Callable[..., list[dict[str, Any]]]


def main() -> None:
    """Run until SIGTERM."""
    options = parse("store", "memory")
    gc.set_threshold(100_000, 50, 100)
    app = Application(
        broker_address=options.bootstrap,
        consumer_group=options.group,
        auto_offset_reset="earliest",
        state_dir=os.environ.get("TMPDIR", "/tmp") + "/quix",  # noqa: S108 - the harness names the folder
        use_changelog_topics=False,
        auto_create_topics=False,
        producer_extra_config={"linger.ms": 20, "batch.size": 1_000_000, "acks": "all"},
        consumer_extra_config={"fetch.min.bytes": 65_536, "queued.min.messages": 100_000},
        loglevel="WARNING",
    )
    source = app.topic(options.input, value_deserializer="json", key_deserializer="bytes")
    sink = app.topic(options.output, value_serializer="json", key_serializer="bytes")
    memory = MemoryJob()
    if options.state == "store":
        frame = app.dataframe(source).apply(on_store(memory), stateful=True, expand=True)
    else:
        frame = app.dataframe(source).apply(in_memory(memory), expand=True)
    frame.to_topic(sink)
    app.run()


def in_memory(memory: MemoryJob) -> Job:
    """All state in dictionaries."""

    def job(event: dict[str, Any]) -> list[dict[str, Any]]:
        found = memory.answer(event)
        return [] if found is None else [found]

    return job


def on_store(memory: MemoryJob) -> Job:
    """A calling number's calls in the state store, read and written once an event; trunk groups in memory.

    Four lists of the last hour: set-ups and their called numbers, ends of answered calls and whether they were short.
    """

    def job(event: dict[str, Any], state: State) -> list[dict[str, Any]]:
        kept = state.get_bytes("calls")
        setups, called, ends, short = marshal.loads(kept) if kept else ([], [], [], [])  # noqa: S302 - our own bytes
        is_setup = event["type"] == "call_setup"
        now_ms = event["setup_time_ms"] if is_setup else event["end_time_ms"]
        if is_setup:
            setups.append(now_ms)
            called.append(event["called_number"])
        elif event.get("answer_time_ms") is None:
            return []
        else:
            ends.append(now_ms)
            short.append(now_ms - event["answer_time_ms"] <= SHORT_TALK_MS)
        _trim(now_ms, setups, called)
        _trim(now_ms, ends, short)
        state.set_bytes("calls", marshal.dumps((setups, called, ends, short)))
        if not is_setup:
            return []
        return [answer(event, _counts(now_ms, setups, called, ends, short) + memory.trunk(event))]

    return job


def _trim(now_ms: int, times: list[int], facts: list[Any]) -> None:
    gone = bisect_right(times, now_ms - WINDOW_MS[-1])
    del times[:gone]
    del facts[:gone]


def _counts(now_ms: int, setups: list[int], called: list[str], ends: list[int], short: list[bool]) -> list[int]:
    first = [bisect_right(setups, now_ms - length) for length in WINDOW_MS]
    ended = [bisect_right(ends, now_ms - length) for length in WINDOW_MS]
    return [
        *(len(setups) - start for start in first),
        *(len(ends) - start for start in ended),
        *(sum(short[start:]) for start in ended),
        *(len(set(called[start:])) for start in first),
    ]


if __name__ == "__main__":
    main()
