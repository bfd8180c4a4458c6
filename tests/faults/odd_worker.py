"""A worker like any other whose classifier is odd: it raises for some calls, or takes its time over each.

    python -m tests.faults.odd_worker raise
    python -m tests.faults.odd_worker sleep MILLISECONDS

Settings come from the environment, as for `robocall worker`. It raises where caller and called number are the same.
"""

import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.contract.ports import Classifier, FeatureMatrix, Scored
from detector.features.table import FEATURE_NAMES
from streams.commands import worker
from streams.log import configure_log
from streams.settings import load_settings
from streams.worker.assembly import build_app

SELF_CALL = FEATURE_NAMES.index("call_self_call")


class Odd:
    """A real classifier with a fault built in.

    Args:
        real: scores.
        raises: whether it fails where a batch has a call from a number to itself.
        sleep_ms: what a call costs, milliseconds.
    """

    def __init__(self, real: Classifier, *, raises: bool, sleep_ms: float) -> None:
        self._real = real
        self._raises = raises
        self._sleep_ms = sleep_ms
        self.version = real.version
        self.schema_id = real.schema_id
        self.group_weight = real.group_weight

    def score(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Score, if at all."""
        return self.scored(rows).scores

    def scored(self, rows: FeatureMatrix) -> Scored:
        """Score with margins, if at all."""
        if self._raises and rows[:, SELF_CALL].any():
            raise ArithmeticError("a call that this model cannot stand")
        time.sleep(len(rows) * self._sleep_ms / 1_000)
        return self._real.scored(rows)

    def raw(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Raw scores as they are."""
        return self._real.raw(rows)

    def calibrated(self, margins: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities as they are."""
        return self._real.calibrated(margins)

    def contributions(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Contributions as they are."""
        return self._real.contributions(rows)


def main() -> int:
    """Run it."""
    kind, *amount = sys.argv[1:]

    def build_odd(*arguments: Any) -> Any:
        assembly = build_app(*arguments)
        real = assembly.screener.classifier
        assembly.screener.classifier = Odd(real, raises=kind == "raise", sleep_ms=float(amount[0]) if amount else 0.0)
        return assembly

    vars(worker)["build_app"] = build_odd
    settings = load_settings()
    configure_log(settings.log_level)
    return worker.run_worker(settings)


if __name__ == "__main__":
    sys.exit(main())
