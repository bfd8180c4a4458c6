"""A measure for tests."""

from models.budgets.measure import Group, Measure, Threshold

END_MS = 1_763_600_000_000


def measure_of(
    version: str,
    *,
    partitions: int = 12,
    end_ms: int = END_MS,
    label: float | None = 2.0,
    block: float | None = 5.0,
    score: float = 0.9,
    most: tuple[float, float] = (900.0, 95.0),
    windows_h: float = 3.0,
) -> Measure:
    """Thresholds at these margins, for the default budgets."""
    thresholds = [
        None if margin is None else Threshold(margin, margin, score, bound / 2, bound)
        for margin, bound in zip((label, block), most, strict=True)
    ]
    return Measure(
        model_version=version,
        partitions=partitions,
        begin_ms=end_ms - 86_400_000,
        end_ms=end_ms,
        written_ms=end_ms,
        scored=1_000_000,
        reciprocal=Group(40_000, 30_000),
        registered=Group(10_000, 40),
        confidence=0.95,
        windows_h=windows_h,
        label_per_million=1_000,
        block_per_million=100,
        label=thresholds[0],
        block=thresholds[1],
    )
