"""Faust as its user guide writes it: one event at a time, with windowed tables or a dictionary. See README.md."""

import gc
import os
from typing import Any

import faust
from mode.loop import use

from benchmarks.peers.arguments import parse
from benchmarks.peers.job import SHORT_TALK_MS, WINDOW_MS, answer
from benchmarks.peers.memory import MemoryJob

SECOND_MS = 1_000


def main() -> None:
    """Run until SIGTERM."""
    options = parse("tables", "memory")
    use("uvloop")
    gc.set_threshold(100_000, 50, 100)
    app = faust.App(
        options.group,
        broker=f"kafka://{options.bootstrap}",
        datadir=os.environ.get("TMPDIR", "/tmp") + "/faust",  # noqa: S108 - the harness names the folder
        store="memory://",
        cython_optimizations=True,
        consumer_auto_offset_reset="earliest",
        producer_linger=0.005,
        producer_acks=-1,
        stream_buffer_maxsize=16_384,
        topic_partitions=1,
        topic_replication_factor=1,
        topic_disable_leader=True,
        web_enabled=False,
    )
    source = app.topic(options.input, value_serializer="json", key_serializer="raw")
    sink = app.topic(options.output, value_serializer="json", key_serializer="raw")
    job: Any = MemoryJob() if options.state == "memory" else TablesJob(app)

    async def agent(stream: Any) -> None:
        async for key, event in stream.items():
            found = job.answer(event)
            if found is not None:
                await sink.send(key=key, value=found)

    app.agent(source, name="job")(agent)
    faust.Worker(app, loglevel="WARNING").execute_from_commandline()


def _event_time_s(event: Any) -> float:
    value = event.value
    return float(value["setup_time_ms"] if value["type"] == "call_setup" else value["end_time_ms"]) / SECOND_MS


class TablesJob:
    """One tumbling table a window length for the calling numbers, and one for the trunk groups.

    A caller's value is `[calls, answered, short, {called number: 1}]`: one write and one changelog record an event and
    window, where a table a measure would take three.
    """

    def __init__(self, app: Any) -> None:
        def table(name: str, length_ms: int, default: Any) -> Any:
            size_s = length_ms / SECOND_MS
            made = app.Table(f"{name}-{length_ms}", default=default, partitions=1)
            return made.tumbling(size_s, expires=2 * size_s).relative_to(_event_time_s)

        self._callers = [table("callers", length_ms, _nothing) for length_ms in WINDOW_MS]
        self._trunks = [table("trunks", length_ms, int) for length_ms in WINDOW_MS]

    def answer(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """Count the event; returns the answer to a set-up."""
        if event["type"] != "call_setup":
            self._end(event)
            return None
        number, trunk_group = event["calling_number"], event["trunk_group_id"]
        found = []
        for table in self._callers:
            calls, answered, short, called = table[number].value()
            called[event["called_number"]] = 1
            table[number] = [calls + 1, answered, short, called]
            found.append((calls + 1, answered, short, len(called)))
        trunk = []
        for table in self._trunks:
            calls = table[trunk_group].value() + 1
            table[trunk_group] = calls
            trunk.append(calls)
        return answer(event, [count for measure in zip(*found, strict=True) for count in measure] + trunk)

    def _end(self, event: dict[str, Any]) -> None:
        answer_ms = event.get("answer_time_ms")
        if answer_ms is None:
            return
        is_short = event["end_time_ms"] - answer_ms <= SHORT_TALK_MS
        for table in self._callers:
            calls, answered, short, called = table[event["calling_number"]].value()
            table[event["calling_number"]] = [calls, answered + 1, short + is_short, called]


def _nothing() -> list[Any]:
    return [0, 0, 0, {}]


if __name__ == "__main__":
    main()
