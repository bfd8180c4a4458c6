"""A small labelled data set for tests: campaigns one after the other, lawful calls all the time."""

import numpy as np

from models.data.dataset import Dataset, assemble
from models.traffic.truth import Truth

FEATURE_NAMES = ("calls", "short_ratio", "age_s", "noise")
HOUR_MS = 3_600_000
N_CALLS = 6_000
N_CAMPAIGNS = 40


def dataset(seed: int = 0) -> Dataset:
    """Six thousand calls over ten hours; every tenth is a robocall of a campaign that lasts a quarter of an hour."""
    random = np.random.default_rng(seed)
    times = np.sort(random.integers(0, 10 * HOUR_MS, N_CALLS))
    robocall = random.random(N_CALLS) < 0.1
    campaign = times * N_CAMPAIGNS // (10 * HOUR_MS)
    rows = random.normal(size=(N_CALLS, len(FEATURE_NAMES))).astype(np.float32)
    rows[robocall, 0] += 2.5
    rows[robocall, 1] += 1.5
    numbers = [f"c{campaign[i]}-{i % 7}" if robocall[i] else f"l{i % 900}" for i in range(N_CALLS)]
    truths = [
        Truth(True, f"campaign-{campaign[i]}", f"kind{campaign[i] % 3}")
        if robocall[i]
        else Truth(False, "", "person" if i % 2 else "business")
        for i in range(N_CALLS)
    ]
    return assemble(FEATURE_NAMES, rows, times.astype(np.int64), numbers, truths)
