"""The feature table: one ordered row a feature drives computation, schema id, explanations and the documentation page.

A trained model is bound to `FEATURE_SCHEMA_ID`; any change of the table changes it and asks for a new model.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector import measures as spec

NOT_ENOUGH_DATA = spec.NOT_ENOUGH_DATA
MINIMUM_SAMPLE = 5
"""Fewest calls that a share of a number's calls is computed from (46 Labs: profiles start at 5 attempts)."""
MINIMUM_SAMPLE_GROUP = 20
"""Fewest calls for shares of trunks, origins and blocks (46 Labs floor for a stable ratio)."""
UNBOUNDED = float("inf")

_FAMILY_WORDS = {
    spec.NUMBER: "of the calling number",
    spec.TRUNK: "of the trunk group",
    spec.ORIGIN: "of the origin (signer and origid)",
    spec.BLOCK: "of the calling number's block (NPA-NXX within the trunk)",
    spec.CALLED: "to the called number",
    spec.RECEIVED: "received by the calling number",
}
_WINDOW_WORDS = ("10 seconds", "minute", "5 minutes", "hour", "24 hours")


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the feature matrix.

    Attributes:
        name: Unique, `family_what_window`.
        unit: `calls`, `share`, `ratio`, `s`, `flag`, `numbers`.
        low: Lowest value that is not `NOT_ENOUGH_DATA`.
        high: Highest value, infinite where unbounded.
        source: Family whose windows it comes from, or `call`.
        minimum_sample: Fewest calls that it is computed from; below it is `NOT_ENOUGH_DATA`. 0 = always computed.
        doc: What it is, a phrase that continues "This is the ...".
        step: (operation, family, first, second, window, minimum sample) for `detector.windows.rows`.
    """

    name: str
    unit: str
    low: float
    high: float
    source: str
    minimum_sample: int
    doc: str
    step: tuple[int, int, int, int, int, int]


def _name(family: int, what: str, window: int) -> str:
    return f"{spec.FAMILIES[family]}_{what}_{spec.WINDOW_NAMES[window]}"


def _calls_of(family: int, window: int) -> str:
    return f"calls {_FAMILY_WORDS[family]} in the last {_WINDOW_WORDS[window]}"


def _attempts(family: int, *windows: int) -> Iterator[Feature]:
    for window in windows:
        step = (spec.COUNT, family, spec.ATTEMPTS, 0, window, 0)
        name = _name(family, "attempts", window)
        doc = f"number of {_calls_of(family, window)}"
        yield Feature(name, "calls", 0.0, UNBOUNDED, spec.FAMILIES[family], 0, doc, step)


def _share(family: int, what: str, part: int, whole: int, minimum: int, words: str, *windows: int) -> Iterator[Feature]:
    for window in windows:
        step = (spec.RATIO, family, part, whole, window, minimum)
        doc = f"share of {words} among {_calls_of(family, window)}"
        yield Feature(_name(family, what, window), "share", 0.0, 1.0, spec.FAMILIES[family], minimum, doc, step)


def _distinct(family: int, what: str, item: int, words: str, *windows: int) -> Iterator[Feature]:
    for window in windows:
        step = (spec.DISTINCT, family, item, 0, window, 0)
        doc = f"number of different {words} among {_calls_of(family, window)}"
        yield Feature(_name(family, what, window), "numbers", 0.0, UNBOUNDED, spec.FAMILIES[family], 0, doc, step)


def _distinct_ratio(family: int, what: str, item: int, minimum: int, words: str, *windows: int) -> Iterator[Feature]:
    for window in windows:
        step = (spec.DISTINCT_RATIO, family, item, 0, window, minimum)
        doc = f"number of different {words} for each of the {_calls_of(family, window)}"
        yield Feature(_name(family, what, window), "ratio", 0.0, 1.0, spec.FAMILIES[family], minimum, doc, step)


def _calls_per(family: int, what: str, item: int, minimum: int, words: str, *windows: int) -> Iterator[Feature]:
    for window in windows:
        step = (spec.CALLS_PER_ITEM, family, item, 0, window, minimum)
        doc = f"calls for each different {words} among {_calls_of(family, window)}"
        yield Feature(_name(family, what, window), "ratio", 1.0, UNBOUNDED, spec.FAMILIES[family], minimum, doc, step)


def _mean_talk(family: int, minimum: int, *windows: int) -> Iterator[Feature]:
    for window in windows:
        step = (spec.MEAN_TALK, family, 0, 0, window, minimum)
        doc = f"mean talk time of answered {_calls_of(family, window)}"
        name = _name(family, "mean_talk", window)
        yield Feature(name, "s", 0.0, spec.LONGEST_TALK_S, spec.FAMILIES[family], minimum, doc, step)


def _burst(family: int) -> Feature:
    doc = f"calls {_FAMILY_WORDS[family]} in the last minute against its mean minute of the last hour"
    step = (spec.BURST, family, 0, 0, spec.W1M, 0)
    return Feature(f"{spec.FAMILIES[family]}_burst", "ratio", 0.0, UNBOUNDED, spec.FAMILIES[family], 0, doc, step)


def _ages(family: int, words: str) -> Iterator[Feature]:
    name = spec.FAMILIES[family]
    high = spec.AGE_LIMIT_S
    first = f"time since the first call {words} that is remembered"
    previous = f"time since the previous call {words}"
    yield Feature(f"{name}_age", "s", 0.0, high, name, 0, first, (spec.AGE, family, 0, 0, 0, 0))
    yield Feature(f"{name}_idle", "s", 0.0, high, name, 2, previous, (spec.IDLE, family, 0, 0, 0, 0))


def _outcomes(family: int, minimum: int, *windows: int) -> Iterator[Feature]:
    """What became of the calls: the field's ASR, SDR, talk times and release mix."""
    yield from _share(family, "asr", spec.ANSWERED, spec.ENDED, minimum, "answered calls (ASR)", *windows)
    yield from _share(family, "sdr", spec.SHORT, spec.ANSWERED, minimum, "talks of at most 6 s (SDR)", *windows)
    yield from _share(family, "long_share", spec.LONG, spec.ANSWERED, minimum, "talks above 120 s", *windows)
    yield from _mean_talk(family, minimum, *windows)
    yield from _share(
        family, "bad_number_share", spec.BAD_NUMBER, spec.ENDED, minimum, "calls to numbers not in service", *windows
    )


def _other_releases(family: int, minimum: int, *windows: int) -> Iterator[Feature]:
    yield from _share(family, "no_answer_share", spec.NO_ANSWER, spec.ENDED, minimum, "unanswered calls", *windows)
    yield from _share(family, "busy_share", spec.BUSY, spec.ENDED, minimum, "busy calls", *windows)
    yield from _share(family, "rejected_share", spec.REJECTED, spec.ENDED, minimum, "rejected calls", *windows)


def _number() -> Iterator[Feature]:
    family, minimum = spec.NUMBER, MINIMUM_SAMPLE
    hour, day = spec.W1H, spec.W24H
    yield from _attempts(family, *range(spec.N_WINDOWS))
    yield _burst(family)
    yield from _ages(family, _FAMILY_WORDS[family])
    yield from _distinct(family, "distinct_called", spec.PEER, "called numbers", hour, day)
    yield from _distinct_ratio(family, "distinct_called_ratio", spec.PEER, minimum, "called numbers", hour, day)
    yield from _distinct(family, "distinct_npanxx", spec.PREFIX, "called NPA-NXX", hour, day)
    yield from _distinct_ratio(family, "distinct_npanxx_ratio", spec.PREFIX, minimum, "called NPA-NXX", hour)
    yield from _distinct(family, "distinct_trunks", spec.OTHER, "trunk groups", hour, day)
    sequential = "calls that dial on in sequence"
    yield from _share(family, "sequential_ratio", spec.SEQUENTIAL, spec.ATTEMPTS, 3, sequential, hour, day)
    same_block = "calls into the caller's own NPA-NXX"
    yield from _share(family, "neighbour_nxx_ratio", spec.NEIGHBOUR_NXX, spec.ATTEMPTS, minimum, same_block, hour, day)
    same_area = "calls into the caller's own area code"
    yield from _share(family, "neighbour_npa_ratio", spec.NEIGHBOUR_NPA, spec.ATTEMPTS, minimum, same_area, day)
    yield from _share(family, "attested_a_share", spec.ATTESTED_A, spec.ATTEMPTS, minimum, "A-attested calls", day)
    failed = "calls whose verification failed"
    yield from _share(family, "failed_share", spec.VERIFICATION_FAILED, spec.ATTEMPTS, minimum, failed, day)
    yield from _outcomes(family, minimum, hour, day)
    yield from _other_releases(family, minimum, hour, day)


def _mix(family: int, minimum: int, *windows: int) -> Iterator[Feature]:
    """What a group of callers looks like: attestation and verification."""
    for what, measure, words in (
        ("attested_a_share", spec.ATTESTED_A, "A-attested calls"),
        ("attested_b_share", spec.ATTESTED_B, "B-attested calls"),
        ("attested_c_share", spec.ATTESTED_C, "C-attested calls"),
        ("failed_share", spec.VERIFICATION_FAILED, "calls whose verification failed"),
        ("invalid_share", spec.INVALID, "calls from impossible numbers"),
    ):
        yield from _share(family, what, measure, spec.ATTEMPTS, minimum, words, *windows)


def _group(family: int) -> Iterator[Feature]:
    """Features of trunk, origin and block alike."""
    minimum = MINIMUM_SAMPLE_GROUP
    five, hour = spec.W5M, spec.W1H
    yield from _attempts(family, spec.W1M, hour, spec.W24H)
    yield _burst(family)
    yield from _ages(family, _FAMILY_WORDS[family])
    yield from _distinct_ratio(family, "distinct_called_ratio", spec.PEER, minimum, "called numbers", hour)
    yield from _distinct_ratio(family, "distinct_calling_ratio", spec.OTHER, minimum, "calling numbers", five, hour)
    yield from _calls_per(family, "calls_per_number", spec.OTHER, minimum, "calling number", hour)
    new = "calls from numbers never seen before"
    yield from _share(family, "new_number_share", spec.NEW_NUMBER, spec.ATTEMPTS, minimum, new, five, hour)
    same_block = "calls into the caller's own NPA-NXX"
    yield from _share(family, "neighbour_nxx_ratio", spec.NEIGHBOUR_NXX, spec.ATTEMPTS, minimum, same_block, hour)
    sequential = "calls that dial on in sequence"
    yield from _share(family, "sequential_ratio", spec.SEQUENTIAL, spec.ATTEMPTS, minimum, sequential, hour)
    yield from _outcomes(family, minimum, hour)


def _called() -> Iterator[Feature]:
    family = spec.CALLED
    yield from _attempts(family, spec.W10S, spec.W5M, spec.W1H, spec.W24H)
    yield _burst(family)
    yield from _distinct(family, "distinct_calling", spec.PEER, "calling numbers", spec.W5M, spec.W1H)
    yield from _distinct_ratio(family, "distinct_calling_ratio", spec.PEER, 3, "calling numbers", spec.W1H)
    yield from _share(family, "new_number_share", spec.NEW_NUMBER, spec.ATTEMPTS, 3, "calls from new numbers", spec.W1H)
    yield from _share(family, "asr", spec.ANSWERED, spec.ENDED, 3, "answered calls (ASR)", spec.W24H)


def _received() -> Iterator[Feature]:
    family, source = spec.RECEIVED, spec.FAMILIES[spec.RECEIVED]
    yield from _attempts(family, spec.W1H, spec.W24H)
    step = (spec.IN_OUT, family, 0, 0, spec.W24H, 2)
    doc = "share of calls received among calls received and made by the calling number in the last 24 hours"
    yield Feature("number_in_out_ratio_24h", "share", 0.0, 1.0, source, 2, doc, step)


_FLAG_WORDS = (
    "the call is A-attested",
    "the call is B-attested",
    "the call is C-attested",
    "the signature of the call verified",
    "the signature of the call did not verify",
    "the calling number is impossible",
    "the calling number is foreign",
    "the caller is anonymous or asked for privacy",
    "the call seems to come from the called number itself",
    "the calling number is toll-free",
    "caller and called number share NPA-NXX",
    "the call was forwarded",
    "From and P-Asserted-Identity differ",
    "the call carries a calling name",
    "the calling number was never seen before",
)


def _flags() -> Iterator[Feature]:
    for flag, (name, words) in enumerate(zip(spec.CALL_FLAGS, _FLAG_WORDS, strict=True)):
        step = (spec.FLAG, 0, flag, 0, 0, 0)
        yield Feature(f"call_{name}", "flag", 0.0, 1.0, "call", 0, f"sign that {words}", step)


FEATURES: tuple[Feature, ...] = (
    *_number(),
    *_received(),
    *_group(spec.TRUNK),
    *_mix(spec.TRUNK, MINIMUM_SAMPLE_GROUP, spec.W1H),
    *_group(spec.ORIGIN),
    *_group(spec.BLOCK),
    *_called(),
    *_flags(),
)
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
N_FEATURES = len(FEATURES)
INDEX: dict[str, int] = {name: column for column, name in enumerate(FEATURE_NAMES)}
"""Feature name to its column."""


def _schema_id() -> str:
    rows = "\n".join(f"{f.name} {f.unit} {f.step}" for f in FEATURES)
    return "f1-" + hashlib.sha256(rows.encode()).hexdigest()[:12]


FEATURE_SCHEMA_ID = _schema_id()
"""Digest of the table."""


def program() -> NDArray[np.int64]:
    """The table as the interpreter reads it, shape (N_FEATURES, 6)."""
    return np.array([feature.step for feature in FEATURES], dtype=np.int64)


def wanted_distinct() -> NDArray[np.bool_]:
    """Which families need distinct counts of which windows, shape (N_FAMILIES, 5)."""
    wanted = np.zeros((spec.N_FAMILIES, spec.N_WINDOWS), dtype=np.bool_)
    for operation, family, _, _, window, _ in program():
        if operation in (spec.DISTINCT, spec.DISTINCT_RATIO, spec.CALLS_PER_ITEM):
            wanted[family, window] = True
    return wanted


def _figure(feature: Feature, value: float) -> str:
    if feature.unit == "share":
        return f"{100 * value:.0f} %"
    if feature.unit == "s":
        return f"{value:.0f} s"
    return f"{value:.2f}" if feature.unit == "ratio" else f"{value:.0f}"


def explain(name: str, value: float) -> str:
    """Say in one sentence, for a person, what `value` of the feature `name` means.

    Raises:
        KeyError: No feature has that name.
    """
    feature = FEATURES[INDEX[name]]
    words = feature.doc[0].upper() + feature.doc[1:]
    if value == NOT_ENOUGH_DATA:
        return f"{words}: not enough data."
    if feature.unit == "flag":
        return f"{words}: {'yes' if value >= 0.5 else 'no'}."  # noqa: PLR2004 - halfway between no and yes
    return f"{words}: {_figure(feature, value)}."


def render_page() -> str:
    """The page `docs/features.md`, from the table."""
    lines = [
        "# Features",
        "",
        f"Schema `{FEATURE_SCHEMA_ID}`, {N_FEATURES} features; made by `python -m detector.features`.",
        "",
        "A feature with fewer calls than its minimum sample is -1 (not enough data). Windows are half-open,",
        "`(now - length, now]`, in event time. Counts of origin, block, called and received are the partition's own,",
        "multiplied by the number of partitions.",
        "",
        "| feature | unit | from | minimum sample | what it is |",
        "|---|---|---|---|---|",
    ]
    lines.extend(f"| `{f.name}` | {f.unit} | {f.source} | {f.minimum_sample or ''} | {f.doc} |" for f in FEATURES)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(render_page())
