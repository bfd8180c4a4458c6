"""Bounds of the windows that the benchmarks fill. A benchmark replaces what it varies."""

from detector.windows import WindowSettings

WINDOWS = WindowSettings(
    max_hot_numbers=131_072,
    max_cold_numbers=2_097_152,
    max_trunks=4_096,
    max_blocks=32_768,
    max_origins=4_096,
    max_called=131_072,
    seed=1,
    partitions=1,
)
