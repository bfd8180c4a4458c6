"""Training data without a broker or a file: generated traffic through the window engine that serves."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detector.columns import build_batch
from detector.events import CallSetup
from detector.features import FEATURE_NAMES
from detector.windows import WindowEngine, WindowSettings
from models.dataset import ROBOCALL, Dataset, Truth, assemble, batches
from models.traffic.generate import generate
from models.traffic.spec import TrafficSpec

WINDOW_SEED = 1
BATCH_EVENTS = 512


def from_traffic(spec: TrafficSpec, progress: Callable[[int], None]) -> Dataset:
    """Generate a span of traffic and compute the features of its calls as a worker would.

    Args:
        spec: The traffic.
        progress: Told the number of events so far, after each slice of traffic.
    """
    engine = WindowEngine(WindowSettings(seed=WINDOW_SEED, shared_trunks=True))
    rows: list[NDArray[np.float32]] = []
    times: list[int] = []
    numbers: list[str] = []
    truths: list[Truth] = []
    n_events = 0
    for block in generate(spec):
        events = block.events()
        truths += [Truth(truth.label == ROBOCALL, truth.campaign, truth.kind) for truth in block.truths()]
        for batch in batches(events, BATCH_EVENTS):
            is_setup = [isinstance(event, CallSetup) for event in batch]
            rows.append(engine.update(build_batch(batch, is_setup, None, seed=WINDOW_SEED)).copy())
            times += [event.setup_time_ms for event, chosen in zip(batch, is_setup, strict=True) if chosen]
            numbers += [event.calling_number for event, chosen in zip(batch, is_setup, strict=True) if chosen]
        n_events += len(events)
        progress(n_events)
    return assemble(FEATURE_NAMES, np.concatenate(rows), np.array(times, np.int64), numbers, truths)
