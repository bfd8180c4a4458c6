"""Memory of the window engine: bytes a number, and calls a second with that many numbers tracked.

    python -m benchmarks.memory

Each part runs in a process of its own, so that its memory is its own. `rss_bytes_per_number` is the growth of the
process divided by the numbers that were added. It holds all that their calls left behind, in every window family. The
counts are checked.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.machine import describe, give
from benchmarks.harness.windows import WINDOWS
from detector.columns.call_columns import CallBatch
from detector.windows import WindowEngine

Ints = NDArray[np.int64]

START_MS = 1_700_000_000_000
BATCH = 512
SAMPLE = 1_000
MEASURED = 200_000
PARTS = ((1_000_000, 1), (10_000_000, 1), (1_000_000, 12))
"""Numbers, and calls of each: once is cold; twelve is more than a busy number keeps exactly, so panes are in use."""
CODES = 800
"""Area codes, and exchanges in each: 200 to 999."""
LINES = 10_000
TRUNKS = 40
CALLED = 100_000


@dataclass(frozen=True, slots=True)
class Figures:
    """What one part measured.

    Attributes:
        numbers: Calling numbers tracked.
        calls_each: Calls of each.
        fill_us: CPU microseconds a call while they came, nothing read back.
        update_us: The same once all were there, features read back: calls of numbers drawn from all of them (where each
            had called once, nearly every such call makes its number busy).
        bytes_per_number: From the arrays.
        rss_bytes_per_number: From the process.
    """

    numbers: int
    calls_each: int
    fill_us: float
    update_us: float
    bytes_per_number: float
    rss_bytes_per_number: float


class _Call:
    """All that the engine asks of an event itself: what its trunk group is called."""

    trunk_group_id = ""


class Traffic:
    """Seeded set-ups as columns: no text is made of ten million numbers."""

    def __init__(self, numbers: int, seed: int) -> None:
        """Spread the numbers over all of North America."""
        self._random = np.random.default_rng(seed)
        self._step = CODES * CODES * LINES // numbers
        self._now_ms = START_MS

    def key(self, which: Ints) -> Ints:
        """Eleven digits of the numbers `which`."""
        exchange, line = np.divmod(which * self._step, LINES)
        area, exchange = np.divmod(exchange, CODES)
        return np.asarray(((1_000 + 200 + area) * 1_000 + 200 + exchange) * LINES + line, dtype=np.int64)

    @property
    def now_ms(self) -> int:
        """Time of the last call."""
        return self._now_ms

    def batch(self, which: Ints) -> CallBatch:
        """A call of each of the numbers, 20 a millisecond: all are within minutes, so within the longer windows."""
        count = len(which)
        self._now_ms += count // 20
        calling, zeros = self.key(which), np.zeros(count, dtype=np.int64)
        called = 12_125_550_000 + self._random.integers(0, CALLED, count)
        trunk = self._random.integers(1, TRUNKS + 1, count)
        return CallBatch(
            n=count, events=[_Call()] * count, is_setup=np.ones(count, dtype=np.bool_),
            time_ms=np.full(count, self._now_ms), setup_time_ms=np.full(count, self._now_ms),
            reported_ms=np.full(count, self._now_ms), partition=zeros, call=zeros, signature=zeros,
            calling=calling, called=called, trunk=trunk, origin=zeros, calling_digits=calling, called_digits=called,
            calling_npanxx=calling // 10_000 % 1_000_000, called_npanxx=called // 10_000 % 1_000_000,
            number_class=zeros, attestation=zeros, verstat=zeros, release=zeros, talk_ms=zeros,
            measures=np.ones(count, dtype=np.int64), call_flags=zeros, from_digits=zeros, role=zeros, own_signer=zeros,
            presence=zeros,
        )  # fmt: skip


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4_096


def _apply(engine: WindowEngine, traffic: Traffic, order: Ints, *, is_read: bool) -> float:
    """Apply a call of each number in `order`; returns CPU microseconds a call, making the columns not included."""
    spent = 0.0
    for start in range(0, len(order), BATCH):
        batch = traffic.batch(order[start : start + BATCH])
        before = time.process_time()
        if is_read:
            engine.update(batch)
        else:
            engine.count(batch)
        spent += time.process_time() - before
    return 1e6 * spent / len(order)


def measure(numbers: int, calls_each: int, seed: int) -> Figures:
    """Fill an engine and measure it; a wrong count or an evicted number fails the run."""
    busy = MEASURED if calls_each == 1 else numbers
    settings = replace(
        WINDOWS, max_cold_numbers=numbers, max_hot_numbers=busy, max_called=8 * CALLED, max_blocks=1 << 17
    )
    engine, traffic, draw = WindowEngine(settings), Traffic(numbers, seed), np.random.default_rng(seed)
    engine.count(traffic.batch(np.arange(0)))
    before = _resident_bytes()
    cost = 0.0
    order = draw.permutation(numbers)
    for _ in range(calls_each):
        cost += _apply(engine, traffic, order, is_read=False)
    grown = _resident_bytes() - before
    drawn = draw.integers(0, numbers, MEASURED)
    update_us = _apply(engine, traffic, drawn, is_read=True)
    _check(engine, traffic, calls_each, drawn, numbers)
    name = "cold_number" if calls_each == 1 else "number"
    return Figures(
        numbers,
        calls_each,
        round(cost / calls_each, 2),
        round(update_us, 2),
        round(engine.bytes_per_key()[name], 1),
        round(grown / numbers, 1),
    )


def _check(engine: WindowEngine, traffic: Traffic, calls_each: int, drawn: Ints, numbers: int) -> None:
    """Compare counts of a sample with the truth: all calls are of the last hour, so both long windows have all."""
    evicted = {name: engine.evictions()[name] for name in ("cold_number", "number")}
    if any(evicted.values()):
        raise SystemExit(f"wrong run: evicted {evicted}")
    tracked = engine.tracked()
    if tracked["cold_number"] + tracked["number"] != numbers:
        raise SystemExit(f"wrong run: {tracked} tracked, {numbers} called")
    again = np.bincount(drawn, minlength=numbers)
    for which in np.random.default_rng(1).integers(0, numbers, SAMPLE).tolist():
        digits = int(traffic.key(np.array([which]))[0])
        counted = engine.number_counts(f"+{digits}", traffic.now_ms)["attempts"][-1]
        if counted != calls_each + again[which]:
            raise SystemExit(f"wrong run: {counted} calls counted, {calls_each + again[which]} made")


def _in_own_process(numbers: int, calls_each: int, seed: int) -> dict[str, object]:
    command = [sys.executable, "-m", "benchmarks.memory", "--part", str(numbers), str(calls_each), "--seed", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.strip().splitlines()[-1])
    found: dict[str, object] = json.loads(done.stdout)
    return found


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--part", type=int, nargs=2, metavar=("NUMBERS", "CALLS"), help="measure only this part, in this process"
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of the generated traffic [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    WindowEngine.warm()
    if options.part:
        figures = measure(options.part[0], options.part[1], options.seed)
        print(json.dumps({name: getattr(figures, name) for name in Figures.__slots__}))
        return
    per_key = {name: round(size, 1) for name, size in WindowEngine(WINDOWS).bytes_per_key().items()}
    parts = [_in_own_process(*part, options.seed) for part in PARTS]
    give(describe() | {"bytes_per_key": per_key, "parts": parts}, options.out)


if __name__ == "__main__":
    main()
