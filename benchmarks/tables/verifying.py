"""What verifying a call's signature costs, beside OpenSSL's own loop."""

from typing import Any

from benchmarks.harness.turns import Ratio, in_words
from benchmarks.tables.markdown import Result, aim_of_ratio, source, table

AIM = 1.3
"""Times OpenSSL's processor time."""
PATHS = {
    "signature": "the signature, by a parsed key",
    "verdict": "the whole verdict",
    "verdict, certificate parsed anew": "the whole verdict, certificates parsed anew",
}
AIMED = ("signature", "verdict")


def verifying(result: Result) -> str:
    """Each path, and whether it meets the aim where there is one."""
    headings = ["path", "CPU, times OpenSSL's", "aim", "", "CPU of a call, us", "a second and core"]
    rows = [_row(result, name) for name in PATHS]
    what = f"{result['calls']:,} calls in each turn, `cryptography` {result['cryptography']}; {source(result)}"
    return "\n\n".join([table([*headings, "two threads, times one"], rows), what])


def _row(result: Result, name: str) -> list[str]:
    one: dict[str, Any] = result[name]
    threads = result.get(f"{name}, two threads")
    both = "" if threads is None else f"{threads['times_one_thread']:.2f}"
    costs = [f"{one['cpu_us']:.1f}", f"{one['a_second_and_core']:,}", both]
    if name in AIMED:
        return [*aim_of_ratio(PATHS[name], one["of_openssl"], AIM, least=False), *costs]
    return [PATHS[name], in_words(Ratio(**one["of_openssl"])), "", "", *costs]
