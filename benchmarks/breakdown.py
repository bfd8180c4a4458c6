"""What a worker's processor time goes to, from the outside: py-spy looks at its stack some hundred times a second.

Each sample counts for the innermost frame that belongs to a stage, so C code and compiled kernels count for whoever
called them. Shares of samples times the processor time per event give microseconds: the stages add up to the total by
construction, and a share is as exact as its number of samples allows. py-spy cannot tell the event loop at work from
the event loop that waits: of its samples as many count as make the whole the process's own share of a processor.
"""

import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.processors import cpu_s

RATE_HZ = 200
OTHER = "other"
EVENT_LOOP = "event loop"
"""Its frames are at the root of every stack, so they count where nothing else does."""
BACKGROUND = "background"
STAGES: dict[str, tuple[str, ...]] = {
    "windows and features": ("/detector/windows/", "/detector/features.py", "/detector/measures.py"),
    "score": ("/models/scorer.py", "/models/forest.py", "/models/artifact.py", "/detector/judging.py"),
    "encode": (
        "/streams/answers.py",
        "/streams/records.py",
        "/streams/plain_allows.py",
        "/detector/decisions.py",
        "/detector/passing.py",
        "/detector/identity.py",
    ),
    "decode": (
        "/streams/intake.py",
        "/streams/scan",
        "/streams/duplicate_keys.py",
        "/streams/poison.py",
        "/streams/lazy_events.py",
        "/detector/calls.py",
        "/detector/facts.py",
        "/detector/columns.py",
        "/detector/numbering.py",
        "/detector/hashing.py",
        "/detector/clocks.py",
    ),
    "policy": ("/detector/", "/models/explain.py"),
    "publish": (
        "/streams/publisher.py",
        "/streams/outbox.py",
        "/streams/producing.py",
        "/streams/murmur.py",
        "/aiokafka/producer/",
        "/aiokafka/partitioner.py",
    ),
    "fetch": ("/aiokafka/consumer/", "/streams/fetching.py", "/streams/record_batches.py", "/streams/rows.py"),
    "transport": ("/streams/transport.py", "/streams/main_loop.py", "/streams/watermarks.py"),
    "bookkeeping": (
        "/streams/agents.py",
        "/streams/pipeline.py",
        "/streams/stray_keys.py",
        "/streams/metrics.py",
        "/prometheus_client/",
    ),
    "connections": ("/aiokafka/", "/kafka/"),
    EVENT_LOOP: ("/mode/worker.py", "/streams/running.py", "/streams/worker.py", "/streams/cli.py", "/asyncio/"),
    "Faust": ("/faust/", "/mode/"),
    BACKGROUND: ("/streams/",),
}
"""Stage -> parts of paths, tried in this order for each frame. Windows and features are one compiled pass. Background
is what the rate does not change: exchange with Redis, snapshots, health."""
BESIDE = (
    "/redis/",
    "/streams/trunk_exchange.py",
    "/streams/snapshot",
    "/streams/durability.py",
    "/streams/list_sync.py",
)
"""Wherever one of these is in a stack, it is background, whatever it calls."""
SHARED = ("/detector/marks.py",)
"""Of several stages: these count for whoever called them."""
WAITING = ("/streams/daemon_thread.py", "/concurrent/futures/thread.py", "/threading.py", "/queue.py")
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
