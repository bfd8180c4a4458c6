"""How soon state is back after a kill, and how long snapshots hold up the worker."""

from benchmarks.tables.markdown import Result, aim, source, table

RESTORE_AIM_S, STEP_AIM_MS = 10.0, 2.0
HOLDS = {
    "update_of_256_without": "an update of 256 calls, without a snapshot",
    "update_of_256_during": "the same while one is taken",
    "step": "a step of the snapshot",
    "load": "a step of loading it",
    "forget_one_of_four": "a step of forgetting a partition",
}


def recovery(result: Result) -> str:
    """Aims, and what else was seen."""
    megabytes = result["snapshot_bytes"] / 1e6
    what = f"partition restored: a snapshot of {megabytes:.0f} MB loaded, later calls caught up with"
    rows = [
        aim(what, result["restore_s"], RESTORE_AIM_S, least=False, unit=" s"),
        ["from the start of the process to a green `/health`", f"{result['process_start_to_green_s']:.1f} s", "", ""],
        aim(
            "longest that a snapshot held the event loop in one go",
            result["snapshot_longest_step_ms"],
            STEP_AIM_MS,
            least=False,
            unit=" ms",
        ),
    ]
    return "\n\n".join([table(["", "measured", "aim", ""], rows), source(result)])


def snapshot(result: Result) -> str:
    """Single calls: on the clock, and the longest on the processor."""
    rows = [
        [
            said,
            f"{result[name]['calls']:,}",
            *(f"{result[name][f'{one}_ms']:.2f}" for one in ("median", "p99", "longest", "longest_cpu")),
        ]
        for name, said in HOLDS.items()
    ]
    headings = ["", "calls", "median, ms", "p99, ms", "longest, ms", "longest on the processor, ms"]
    return "\n\n".join([table(headings, rows), f"{result['bytes'] / 1e6:.0f} MB. {source(result)}"])
