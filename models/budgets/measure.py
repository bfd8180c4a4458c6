"""The measure: a small JSON file beside a model's artifact, one for each number of partitions.

It says from which margins on the model's step may label and block, on what that rests, and how the traffic looked that
it rests on, so that drift is told from the carrier's own calls. It is read where others may write, so it is bounded,
checked, and signed where there is a key (`models.serve.signing`).
"""

import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np

from detector.policy.budgets import DAY_MS, Cut, Measured
from models.errors import ArtifactCorrupt
from models.serve.reference import SCORE_BINS, Reference
from models.serve.signing import UNSIGNED, Signing

MAX_BYTES = 256 * 1024
SIGNED_AS = "measure"
FILE = re.compile(r"measure-([1-9]\d{0,3})\.json")
"""Name of a measure, with the number of partitions that it is for."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_024)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Instant = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]
PerMillion = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
Budget = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Margin = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Group(msgspec.Struct, frozen=True):
    """One kind of reference: how many calls it has, of how many callers."""

    calls: Count
    callers: Count


class Threshold(msgspec.Struct, frozen=True):
    """From where on an action hits calls.

    Attributes:
        margin: Log-odds, with what the group adds where the model has a group weight; what is in force.
        wanted_margin: What this span alone would have led to; the other moves from the last one by a step at most.
        score: Calibrated probability at `margin`.
        found_per_million: Calls of registered senders hit there, in a million; of all where `is_of_all`; of lawful
            ones among all where there are `answers`.
        most_per_million: Upper bound on the lawful calls hit.
        is_of_all: All calls counted as lawful: references would have let less be hit, or nothing.
        answers: Callers drawn by lot about whom a person answered, where that lets most be hit; else unset,
            so that what was signed before there were answers still is.
    """

    margin: Margin
    wanted_margin: Margin
    score: Share
    found_per_million: PerMillion
    most_per_million: PerMillion
    is_of_all: bool = False
    answers: Count | msgspec.UnsetType = msgspec.UNSET


class Traffic(msgspec.Struct, frozen=True):
    """Histograms of the scored calls, in the bins of the model's own reference.

    Attributes:
        counts: By feature, its bins.
        scores: Calls by bin of the score; bins without calls are left out.
    """

    counts: Annotated[list[list[Count]], msgspec.Meta(max_length=4_096)]
    scores: Annotated[dict[str, Count], msgspec.Meta(max_length=SCORE_BINS)]


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured.

    Attributes:
        model_version: Of the model.
        partitions: Number of partitions that windows were counted in.
        begin_ms: First scored call, epoch milliseconds.
        end_ms: Last scored call: the date of the measure.
        written_ms: When it was made.
        scored: Calls scored in windows that were old enough.
        reciprocal: References that called each other: people.
        registered: References that somebody vouches for.
        everybody: All calls, where they counted as lawful for an action, or answers told of them; else None.
        confidence: Of the upper bounds.
        windows_h: Age of the windows of a call's trunk group from which on it holds, hours.
        label_per_million: Budget of labels and blocks.
        block_per_million: Budget of blocks.
        label: From where on calls are labelled, if that keeps the budget; none where the references show nothing.
        block: The same for blocks.
        complaints: Why an action has no threshold that keeps its budget.
        traffic: How the calls looked; none where the model has no reference.
        format: Of the file.
    """

    model_version: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    partitions: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    begin_ms: Instant
    end_ms: Instant
    written_ms: Instant
    scored: Count
    reciprocal: Group
    registered: Group
    confidence: Share
    windows_h: Annotated[float, msgspec.Meta(ge=0, le=24)]
    label_per_million: Budget
    block_per_million: Budget
    label: Threshold | None
    block: Threshold | None
    everybody: Group | None = None
    complaints: Annotated[tuple[Text, ...], msgspec.Meta(max_length=16)] = ()
    traffic: Traffic | None = None
    format: Literal[1] = 1

    def measured(self) -> Measured:
        """What deciding calls needs of it."""
        first = self.label if self.label is not None else self.block
        answers = 0 if first is None else first.answers or 0
        is_of_all = self.everybody is not None and (first is None or first.is_of_all)
        group = self.everybody if self.everybody is not None and (is_of_all or answers) else self.registered
        return Measured(
            self.model_version,
            self.partitions,
            self.end_ms,
            group.calls,
            group.callers,
            self.label_per_million,
            self.block_per_million,
            _cut(self.label, self.label_per_million),
            _cut(self.block, self.block_per_million),
            self.complaints,
            is_of_all,
            answers,
            self.windows_h,
            self.scored * DAY_MS / max(self.end_ms - self.begin_ms, DAY_MS),  # a span of hours is no day
        )

    def reference(self, of_model: Reference | None) -> Reference | None:
        """The traffic as what later traffic is compared with, in the bins and weights of the model's own reference.

        Raises:
            ArtifactCorrupt: it is no set of histograms for this model.
        """
        if of_model is None or self.traffic is None:
            return None
        scores = np.zeros(SCORE_BINS, np.int64)
        try:
            for place, calls in self.traffic.scores.items():
                scores[int(place)] = calls
            counts = np.array(self.traffic.counts, np.int64)
        except (ValueError, IndexError) as error:
            raise ArtifactCorrupt(f"the measure of {self.model_version} holds no histograms: measure again") from error
        arrays = {**of_model.arrays(), "counts": counts, "scores": scores}
        return Reference.of_arrays(arrays, len(of_model.edges))


def _cut(threshold: Threshold | None, budget: int) -> Cut | None:
    """None where it does not keep the budget: a threshold that moves step by step may be too low for a while."""
    if threshold is None or threshold.most_per_million > budget:
        return None
    is_of_all = threshold.is_of_all or bool(threshold.answers)
    return Cut(threshold.margin, threshold.score, threshold.most_per_million, is_of_all)


class _Signed(msgspec.Struct, frozen=True):
    """The file: a measure, and the signature over it in hex."""

    measure: Measure
    signature: Annotated[str, msgspec.Meta(max_length=128)] | None = None


def traffic_of(reference: Reference | None) -> Traffic | None:
    """Histograms as a measure keeps them."""
    if reference is None:
        return None
    filled = np.flatnonzero(reference.scores).tolist()
    return Traffic(reference.counts.tolist(), {str(place): int(reference.scores[place]) for place in filled})


def file_name(partitions: int) -> str:
    """Name of the file beside the artifact: features depend on the number of partitions, so a measure does."""
    return f"measure-{partitions}.json"


def measured_elsewhere(folder: Path, version: str, *, partitions: int, signing: Signing = UNSIGNED) -> str:
    """Say for which other numbers of partitions a model was measured, and what to do; empty where for none.

    It blocks for the disk. A measure that cannot be used, or is of another model, is none.

    Args:
        folder: Of the artifact, with the measures in it.
        version: Of the model.
        partitions: That there is no measure for.
        signing: With a key, only what was signed is taken.
    """
    found = []
    for name in filter(None, (FILE.fullmatch(path.name) for path in folder.glob("measure-*.json"))):
        with suppress(ArtifactCorrupt):
            measure = read_beside(folder, partitions=int(name[1]), signing=signing)
            if measure is not None and measure.model_version == version:
                found.append(measure.partitions)
    if not found:
        return ""
    counts = " and ".join(map(str, sorted(found)))
    todo = f"run `robocall budgets measure --partitions {partitions}`"
    return f"measured for {counts} partition(s), not for {partitions}: {todo}"


def encode(measure: Measure, signing: Signing = UNSIGNED) -> bytes:
    """Content of the file, signed where there is a key."""
    signature = signing.sign(SIGNED_AS, msgspec.json.encode(measure))
    content = _Signed(measure, None if signature is None else signature.hex())
    return msgspec.json.encode(content) + b"\n"


def decode(content: bytes, place: str, *, partitions: int, signing: Signing = UNSIGNED) -> Measure:
    """Read the content of a file.

    Args:
        content: At most `MAX_BYTES`.
        place: Where it comes from, for errors.
        partitions: That the file is named for.
        signing: With a key, only what was signed is taken.

    Raises:
        ArtifactCorrupt: it is no measure, one of another number of partitions, unsigned or altered.
    """
    try:
        found = msgspec.json.decode(content, type=_Signed)
        signature = None if found.signature is None else bytes.fromhex(found.signature)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ArtifactCorrupt(f"{place} is no measure: {error}; `robocall budgets measure` makes one") from error
    measure = found.measure
    problem = signing.problem(SIGNED_AS, msgspec.json.encode(measure), signature)
    if problem is not None:
        raise ArtifactCorrupt(f"{place} is refused: {problem}; `robocall budgets measure` makes and signs one")
    if measure.partitions != partitions:
        raise ArtifactCorrupt(f"{place} was measured in {measure.partitions} partitions: measure again")
    return measure


def read_beside(folder: Path, *, partitions: int, signing: Signing = UNSIGNED) -> Measure | None:
    """Read the measure beside an artifact on this machine; None where there is none. Blocks for the disk.

    Raises:
        ArtifactCorrupt: there is one that cannot be used.
    """
    path = folder / file_name(partitions)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArtifactCorrupt(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise ArtifactCorrupt(f"{path} is larger than {MAX_BYTES} bytes")
    return decode(content, str(path), partitions=partitions, signing=signing)
