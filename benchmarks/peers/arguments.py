"""The command line that every Python peer understands. It uses the standard library only."""

import argparse


def parse(*states: str) -> argparse.Namespace:
    """Return bootstrap, input, output, events, group, job and state, one of `states`."""
    parser = argparse.ArgumentParser()
    for name in ("bootstrap", "input", "output", "group", "job"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--state", choices=states or None, default=states[0] if states else None)
    return parser.parse_args()
