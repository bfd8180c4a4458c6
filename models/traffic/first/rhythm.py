"""Hours of the day: when persons and when offices call, and how the time zone and the habits of a world move that."""

import numpy as np

from models.traffic.first.population import Float64
from models.traffic.first.spec import TrafficSpec
from models.traffic.span import HOUR_MS

# Local time, relative. Persons peak in late afternoon (Nodobo); offices and diallers keep office hours and almost stop
# for eight hours a day (FTC honeypot 2014).
PERSON_HOURS = np.array(
    [
        0.5, 0.3, 0.2, 0.1, 0.1, 0.2, 0.5, 0.8, 1.0, 1.1, 1.2, 1.3,
        1.5, 1.5, 1.6, 1.8, 2.0, 2.0, 1.8, 1.6, 1.4, 1.2, 1.0, 0.7,
    ]
)  # fmt: skip
OFFICE_HOURS = np.array(
    [
        0.1, 0.05, 0.05, 0.05, 0.05, 0.1, 0.3, 0.9, 1.6, 2.1, 2.3, 2.2,
        2.1, 2.2, 2.2, 2.0, 1.8, 1.5, 1.1, 0.9, 0.6, 0.4, 0.2, 0.1,
    ]
)  # fmt: skip
_STEPS = 97


class Rhythm:
    """Rate of an hour curve at an instant, 1.0 on average over a span; flat where the specification says so.

    Args:
        curve: Relative rate by hour of the day, local time, shape (24,).
        spec: Span and world: the world's time zone moves the curve, and its depth bends it.
        shift_h: How many hours later the curve is followed.
    """

    def __init__(self, curve: Float64, spec: TrafficSpec, *, shift_h: float = 0.0) -> None:
        self._curve = curve ** spec.world.value("rhythm_depth") if spec.rhythm else np.ones(len(curve))
        self._offset_h = spec.world.value("utc_offset_h") - shift_h
        steps = np.linspace(spec.start_ms, spec.end_ms, _STEPS)
        self._mean = float(np.mean([self._weight(int(step)) for step in steps]))

    def rate(self, time_ms: int) -> float:
        """Read the curve at an instant, epoch milliseconds UTC, interpolated between hours."""
        return self._weight(time_ms) / self._mean

    def _weight(self, time_ms: int) -> float:
        hours = len(self._curve)
        local = (time_ms / HOUR_MS + self._offset_h) % hours
        low = int(local)
        here, there = self._curve[low % hours], self._curve[(low + 1) % hours]
        return float(here + (there - here) * (local - low))
