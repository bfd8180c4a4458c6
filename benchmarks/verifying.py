"""What verifying a call's signature costs, beside `openssl speed ecdsap256` in the same run.

    python -m benchmarks.verifying

Five paths take turns with OpenSSL's own loop: the signature alone, the whole verdict, the whole verdict where the
certificate is parsed anew for each call, and the first two on two threads. Costs are processor time, so that what else
runs on the machine weighs little. `times_one_thread` is on the wall: let nothing else run for that.
"""

import argparse
import gc
import importlib.metadata
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.harness.machine import describe, give
from benchmarks.harness.turns import ratio_of
from detector.trust.certificates import parse_chain
from detector.trust.identity_header import IdentityHeader, parse_identities
from detector.trust.passport import Passport, read_passport
from detector.trust.signatures import require_signature
from detector.trust.verdict import Cause
from detector.trust.verify import Trust, verify
from tests.detector.trust.authority import AT_MS, CALL, X5U, anchors, identity, provider, trust

THREADS = 2
_OPENSSL = re.compile(r"^ *256 bits ecdsa \(nistp256\) +\S+ +\S+ +\S+ +(?P<verified>[0-9.]+)", re.MULTILINE)


def openssl_us(seconds: int) -> float:
    """Microseconds of processor time for one verification by OpenSSL's command, on one core.

    Raises:
        SystemExit: there is no such command, or it prints something else.
    """
    command = ["openssl", "speed", "-seconds", str(seconds), "ecdsap256"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"{' '.join(command)}: {error}") from error
    found = _OPENSSL.search(done.stdout)
    if found is None:
        raise SystemExit(f"{' '.join(command)} prints no line for 256 bits")
    return 1e6 / float(found["verified"])


class Paths:
    """The same calls by each path; every call must pass."""

    def __init__(self, calls: int) -> None:
        self.identities = [(identity(origid=f"call-{number}"),) for number in range(calls)]
        self.trust = trust()
        self.key = provider().chain().leaf.key
        self.tokens = [self._token(header) for (header,) in self.identities]

    def signatures(self, part: slice) -> None:
        """The signature alone, by a key that is parsed."""
        for token in self.tokens[part]:
            require_signature(self.key, token.signature, token.digest)

    def verdicts(self, part: slice) -> None:
        """All that is checked, by a chain that is parsed and was trusted before."""
        self._verify(part, lambda: self.trust)

    def unparsed(self, part: slice) -> None:
        """The same where nothing of the certificates is kept."""
        pem = provider().pem
        self._verify(part, lambda: replace(self.trust, chains={X5U: parse_chain(pem)}, anchors=anchors()))

    def _verify(self, part: slice, trusted: Callable[[], Trust]) -> None:
        for one in self.identities[part]:
            if verify(one, CALL, AT_MS, trusted()).cause is not Cause.PASSED:
                raise SystemExit("wrong run: a call did not pass")

    def _token(self, header: str) -> Passport:
        (found,) = parse_identities([header])
        if not isinstance(found, IdentityHeader):
            raise SystemExit("wrong run: a header cannot be read")
        return read_passport(found, CALL, AT_MS)


def timed(path: Callable[[slice], None], calls: int, threads: int) -> tuple[float, float]:
    """Microseconds a call of processor time, and of time on the wall."""
    parts = [slice(first, calls, threads) for first in range(threads)]
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    if threads == 1:
        path(parts[0])
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(path, parts))
    return (time.process_time() - cpu_s) / calls * 1e6, (time.perf_counter() - wall_s) / calls * 1e6


def summary(costs: Sequence[tuple[float, float]], openssl: Sequence[float], alone: Sequence[float]) -> dict[str, Any]:
    """Processor time of a call, as a ratio to OpenSSL's, and how much faster than one thread it went.

    Args:
        costs: One a turn: processor time and time on the wall, microseconds.
        openssl: One a turn: OpenSSL's processor time.
        alone: One a turn: time on the wall of the same path on one thread.
    """
    cpu_us = statistics.median(cpu for cpu, _ in costs)
    return {
        "cpu_us": round(cpu_us, 1),
        "a_second_and_core": round(1e6 / cpu_us),
        "of_openssl": ratio_of([cpu for cpu, _ in costs], openssl).as_json(),
        "times_one_thread": round(
            statistics.median(one / wall for one, (_, wall) in zip(alone, costs, strict=True)), 2
        ),
    }


def main() -> None:
    """Take turns and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000, help="verified in each turn")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--openssl-seconds", type=int, default=1, help="its loop, in each turn; signing takes as long")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    paths = Paths(options.calls)
    gc.freeze()  # as processes that verify do: no collection looks at what the benchmark keeps
    plan: dict[str, tuple[Callable[[slice], None], int]] = {
        "signature": (paths.signatures, 1),
        "signature, two threads": (paths.signatures, THREADS),
        "verdict": (paths.verdicts, 1),
        "verdict, two threads": (paths.verdicts, THREADS),
        "verdict, certificate parsed anew": (paths.unparsed, 1),
    }
    openssl: list[float] = []
    costs: dict[str, list[tuple[float, float]]] = {name: [] for name in plan}
    for _ in range(options.turns):
        openssl.append(openssl_us(options.openssl_seconds))
        for name, (path, threads) in plan.items():
            costs[name].append(timed(path, options.calls, threads))
    alone = {name: [wall for _, wall in costs[name.partition(", two")[0]]] for name in plan}
    give(
        describe()
        | {"cryptography": importlib.metadata.version("cryptography"), "calls": options.calls}
        | {"openssl_us": round(statistics.median(openssl), 1)}
        | {name: summary(costs[name], openssl, alone[name]) for name in plan},
        options.out,
    )


if __name__ == "__main__":
    main()
