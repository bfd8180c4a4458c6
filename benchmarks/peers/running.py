"""One run of one entry: start, pin, watch and stop it. CPU time is that of its whole process tree."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
from confluent_kafka import Consumer, KafkaException, TopicPartition

from benchmarks.peers.backlog import Backlog
from benchmarks.peers.checking import WrongRun
from benchmarks.peers.entries import ROOT, Entry, Place

EVERY_S = 0.05
PATIENCE_S = 300.0
STOP_S = 30.0
KNOWN_S = 30.0
MORE_RATIO = 1.02
STILL_S = 2.0
MIB = 2**20


@dataclass(frozen=True)
class Sample:
    """One look at a run: answers since its start, CPU seconds, resident bytes of all of its processes."""

    time_s: float
    answers: int
    cpu_s: float
    resident: int


def end_of(servers: str, topic: str) -> int:
    """Offset behind the last record of the topic's only partition; waits a little for one that was just made.

    Raises:
        WrongRun: the broker does not know it, or does not answer.
    """
    deadline_s = time.monotonic() + KNOWN_S
    while True:
        try:
            with _consumer(servers) as consumer:  # a new one each time: a client remembers what it was told is missing
                return _end(consumer, topic)
        except KafkaException as error:
            if time.monotonic() > deadline_s:
                raise WrongRun(f"nobody knows where {topic} ends: {error}") from error
            time.sleep(EVERY_S)


def read(servers: str, topic: str, start: int) -> Iterator[bytes]:
    """Yield every value from `start` to the present end of the topic's only partition."""
    end = end_of(servers, topic)
    with _consumer(servers) as consumer:
        consumer.assign([TopicPartition(topic, 0, start)])
        place = start
        while place < end:
            for message in consumer.consume(1_000, 1.0):
                if message.error():
                    raise WrongRun(str(message.error()))
                place = (message.offset() or 0) + 1
                yield message.value() or b""


def run(entry: Entry, place: Place, backlog: Backlog, core: int) -> dict[str, float]:
    """Run the entry over its events on one core; returns figures without start-up and warm-up.

    Raises:
        WrongRun: it ended or fell silent before everything was answered.
    """
    start = end_of(place.servers, place.sink)
    log = place.scratch / f"{entry.name}.log"
    command = ["taskset", "-c", str(core), *entry.command(*place.arguments(entry))]
    started_s = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=place.environment(entry),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        samples = _watch(process, place, start, backlog.setups_among(entry.events))
    except WrongRun as error:
        tail = log.read_text(errors="replace")[-2_000:]
        raise WrongRun(f"{entry.name}: {error}\n{tail}") from error
    finally:
        _stop(process)
    return _figures(samples, backlog, entry, started_s)


def _watch(process: "subprocess.Popen[bytes]", place: Place, start: int, due: int) -> list[Sample]:
    samples: list[Sample] = []
    answers = 0
    moved_s = time.monotonic()
    with _consumer(place.servers) as consumer:
        while _goes_on(samples, due):
            time.sleep(EVERY_S)
            with contextlib.suppress(KafkaException):  # a busy broker: what was known is still true
                answers = _end(consumer, place.sink) - start
            sample = _look(process.pid, answers)
            if samples and sample.answers > samples[-1].answers:
                moved_s = sample.time_s
            if sample.cpu_s > 0:
                samples.append(sample)
            if answers < due and process.poll() is not None:
                raise WrongRun(f"ended with status {process.returncode} after {answers} of {due} answers")
            if time.monotonic() - moved_s > PATIENCE_S:
                raise WrongRun(f"no answer for {PATIENCE_S:.0f} s, {answers} of {due} so far")
    return samples


def _goes_on(samples: list[Sample], due: int) -> bool:
    """Until everything must have been answered: a repeat is an answer too, so a little more than due is waited for."""
    if not samples or samples[-1].answers < due:
        return True
    is_still = samples[-1].answers == next(
        (sample.answers for sample in reversed(samples) if sample.time_s < samples[-1].time_s - STILL_S), 0
    )
    return samples[-1].answers < due * MORE_RATIO and not is_still


def _look(pid: int, answers: int) -> Sample:
    cpu_s, resident = 0.0, 0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for one in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                cpu_s += sum(one.cpu_times()[:4])
                resident += one.memory_info().rss
    return Sample(time.monotonic(), answers, cpu_s, resident)


def _figures(samples: list[Sample], backlog: Backlog, entry: Entry, started_s: float) -> dict[str, float]:
    due = backlog.setups_among(entry.events)
    begun, first, late, last = (
        next(sample for sample in samples if sample.answers >= max(1, ratio * due))
        for ratio in (0.0, entry.warm_up, (1 + entry.warm_up) / 2, 1.0)
    )
    events = _events_at(backlog, last.answers) - _events_at(backlog, first.answers)
    if events < entry.events / 4:
        raise WrongRun(f"{entry.name}: too few events for the rate at which it answers, take more")
    return {
        "events_measured": events,
        "seconds": round(last.time_s - first.time_s, 3),
        "cpu_us_per_event": _cpu_us(first, last, backlog),
        "late_cpu_us_per_event": _cpu_us(late, last, backlog),
        "events_per_second": round(events / (last.time_s - first.time_s)),
        "resident_mib": round(max(sample.resident for sample in samples) / MIB),
        "start_seconds": round(begun.time_s - started_s, 3),
        "start_cpu_seconds": round(begun.cpu_s, 3),
    }


def _cpu_us(first: Sample, last: Sample, backlog: Backlog) -> float:
    events = _events_at(backlog, last.answers) - _events_at(backlog, first.answers)
    return round(1e6 * (last.cpu_s - first.cpu_s) / max(1, events), 3)


def _events_at(backlog: Backlog, answers: int) -> int:
    """Events that were read when so many set-ups had been answered."""
    return int(backlog.setups[min(answers, len(backlog.setups)) - 1]) + 1


def _stop(process: "subprocess.Popen[bytes]") -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
            break
    with contextlib.suppress(ProcessLookupError):  # what a shell may have left behind
        os.killpg(process.pid, signal.SIGKILL)


def prepare(entry: Entry) -> str:
    """Make the entry's environment where it is missing; returns its version line."""
    if not entry.folder:
        return f"this commit, Python {sys.version.split()[0]}"
    environment = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    environment["PYTHON"] = sys.executable
    for argument in ("--prepare", "--version"):
        done = subprocess.run(
            entry.command(argument), cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{entry.name} {argument} failed: {done.stderr[-1_000:]}")
    return done.stdout.strip()


@contextlib.contextmanager
def _consumer(servers: str) -> Iterator[Consumer]:
    consumer = Consumer(
        {"bootstrap.servers": servers, "group.id": f"watch-{next(_NUMBERS)}", "enable.auto.commit": False}
    )
    try:
        yield consumer
    finally:
        consumer.close()


_NUMBERS = itertools.count()


def _end(consumer: Consumer, topic: str) -> int:
    return int(consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1])
