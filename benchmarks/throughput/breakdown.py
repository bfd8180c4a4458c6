"""Which stage a worker's processor time goes to, seen from outside with the sampling profiler py-spy.

A sample counts for the innermost stack frame that belongs to a stage. C code and compiled code therefore count for
their caller. Microseconds of a stage are its share of samples times the measured processor time per event, so the
stages add up to the total by construction. How exact a share is depends on its number of samples. py-spy cannot tell a
working event loop from a waiting one: just enough of these samples are kept to match the measured processor time.
"""

import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.harness.processors import cpu_s

RATE_HZ = 200
OTHER = "other"
EVENT_LOOP = "event loop"
"""Its frames are at the root of every stack, so they count where nothing else does."""
BACKGROUND = "background"
STAGES: dict[str, tuple[str, ...]] = {
    "windows and features": (
        "/detector/windows/",
        "/detector/features/table.py",
        "/detector/features/window_constants.py",
    ),
    "score": (
        "/models/serve/scorer.py",
        "/models/serve/forest.py",
        "/models/serve/artifact.py",
        "/detector/policy/model_step.py",
    ),
    "encode": (
        "/streams/screening/answers.py",
        "/streams/wire/records.py",
        "/streams/screening/bulk_allows.py",
        "/detector/contract/decisions.py",
        "/detector/policy/unjudged.py",
        "/detector/columns/decision_ids.py",
    ),
    "decode": (
        "/streams/wire/reading.py",
        "/streams/wire/scan",
        "/streams/wire/repeated_keys.py",
        "/streams/screening/one_by_one.py",
        "/streams/wire/lazy_events.py",
        "/detector/columns/setups.py",
        "/detector/columns/facts.py",
        "/detector/columns/call_columns.py",
        "/detector/columns/numbering.py",
        "/detector/columns/hashing.py",
        "/detector/columns/clocks.py",
    ),
    "policy": ("/detector/", "/models/serve/explain.py"),
    "publish": (
        "/streams/kafka/publishing/",
        "/streams/kafka/partitioner.py",
        "/aiokafka/producer/",
        "/aiokafka/partitioner.py",
    ),
    "fetch": (
        "/aiokafka/consumer/",
        "/streams/kafka/fetch/fetcher.py",
        "/streams/kafka/fetch/record_batches.py",
        "/streams/kafka/fetched.py",
    ),
    "transport": ("/streams/kafka/transport.py", "/streams/kafka/main_loop.py", "/streams/kafka/watermarks.py"),
    "bookkeeping": (
        "/streams/worker/screen_calls.py",
        "/streams/screening/pipeline.py",
        "/streams/screening/stray_keys.py",
        "/streams/worker/metrics.py",
        "/prometheus_client/",
    ),
    "connections": ("/aiokafka/", "/kafka/"),
    EVENT_LOOP: (
        "/mode/worker.py",
        "/streams/running/services.py",
        "/streams/commands/worker.py",
        "/streams/commands/main.py",
        "/asyncio/",
    ),
    "Faust": ("/faust/", "/mode/"),
    BACKGROUND: ("/streams/",),
}
"""Stage -> parts of paths, tried in this order for each frame. Windows and features are one compiled pass. Background
is what the rate does not change: exchange with Redis, snapshots, health."""
BESIDE = (
    "/redis/",
    "/streams/redis/trunk_exchange.py",
    "/streams/state/",
    "/streams/redis/lists.py",
)
"""Wherever one of these is in a stack, it is background, whatever it calls."""
SHARED = ("/detector/columns/membership.py", "/detector/columns/compiled.py")
"""Of several stages: these count for whoever called them."""
WAITING = ("/streams/running/daemon_thread.py", "/concurrent/futures/thread.py", "/threading.py", "/queue.py")
"""Innermost frames of threads that wait for work and take no time."""
AROUND = ("fetch", "publish", "transport", "connections", "Faust", EVENT_LOOP)
"""Stages that are not the work itself: Faust, transport and clients."""


def record(pid: int, seconds: float) -> "Counter[str]":
    """Samples by stage, over some seconds of the life of a process.

    Raises:
        SystemExit: the system does not let this user look.
    """
    since, used = time.perf_counter(), cpu_s(pid)
    samples = _sampled(pid, seconds)
    share = min(1.0, (cpu_s(pid) - used) / (time.perf_counter() - since))
    return without_waiting(samples, share)


def without_waiting(samples: "Counter[str]", share: float) -> "Counter[str]":
    """Leave out the samples of the event loop that were waits, of a process with this share of a processor."""
    others = samples.total() - samples[EVENT_LOOP]
    at_work = min(samples[EVENT_LOOP], max(0, round(share * samples.total()) - others))
    return Counter({**samples, EVENT_LOOP: at_work})


def _sampled(pid: int, seconds: float) -> "Counter[str]":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stacks"
        how = [
            "--duration",
            str(round(seconds)),
            "--rate",
            str(RATE_HZ),
            "--format",
            "raw",
            "--full-filenames",
        ]
        command = [str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(pid), *how]
        if not Path(command[0]).exists():
            raise SystemExit("the break-down needs py-spy: pip install py-spy, or --no-breakdown")
        done = subprocess.run([*command, "--output", str(path)], capture_output=True, text=True, check=False)
        if done.returncode or not path.exists():
            raise SystemExit(
                f"py-spy may not look at the worker: run as root, or with --no-breakdown ({done.stderr.strip()[-200:]})"
            )
        return by_stage(path.read_text())


def by_stage(stacks: str) -> "Counter[str]":
    """Samples by stage, from lines of `frame;frame;... samples`, outermost frame first."""
    found: Counter[str] = Counter()
    for line in stacks.splitlines():
        text, _, samples = line.rpartition(" ")
        frames = text.split(";")[::-1]
        if not any(part in frames[0] for part in WAITING):
            found[_stage(frames)] += int(samples)
    return found


def _stage(frames: list[str]) -> str:
    """Stage of a stack, innermost frame first."""
    if any(part in frame for frame in frames for part in BESIDE):
        return BACKGROUND
    stages = [stage for frame in frames if (stage := _of_frame(frame)) is not None]
    return next((stage for stage in stages if stage != EVENT_LOOP), EVENT_LOOP if stages else OTHER)


def _of_frame(frame: str) -> str | None:
    if any(part in frame for part in SHARED):
        return None
    return next((stage for stage, parts in STAGES.items() if any(part in frame for part in parts)), None)


def in_microseconds(samples: "Counter[str]", total_us: float) -> dict[str, float]:
    """Share of each stage in the processor time of an event, largest first."""
    everything = max(1, samples.total())
    return {stage: round(total_us * count / everything, 3) for stage, count in samples.most_common()}
