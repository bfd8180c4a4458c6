"""What a person is shown of a question: which calls, why it is asked, what the model says, what was said so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from detector.contract.events import CallSetup
from detector.contract.numbers import normal_form
from streams.running.printable import counted_in_words

EXAMPLES = 6
NPANXX_LENGTH = len("+1202555")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, in texts. Those of strangers are in it as they came: whoever shows them cleans them.

    Attributes:
        what: The cluster, "number block +1202555 in trunk group nyc-ix-7".
        calls: Its calls, their numbers and their time.
        why: Why it is asked.
        reasons: What raised the model's scores most, the most important one first.
        said: What was said of its calls so far; empty where nothing was.
        examples: Some of its calls, evenly over their time.
        call_ids: Calls that an answer is about, in order of time.
    """

    what: str
    calls: str
    why: str
    reasons: tuple[str, ...]
    said: str
    examples: tuple[str, ...]
    call_ids: tuple[str, ...]

    @classmethod
    def of(
        cls,
        setups: Sequence[CallSetup],
        calls: str,
        why: str,
        *,
        is_block: bool,
        reasons: tuple[str, ...] = (),
        said: str = "",
    ) -> "Asked":
        """Say a question in words.

        Args:
            setups: The calls that an answer is about, in order of time; at least one.
            calls: All calls of the cluster, as `counted` says it.
            why: It is asked about.
            is_block: They are of a number block in a trunk group, else of a number.
            reasons: What raised the model's scores most.
            said: What was said of its calls so far.
        """
        some = setups[:: max(1, -(-len(setups) // EXAMPLES))]
        call_ids = tuple(dict.fromkeys(setup.call_id for setup in setups))
        what = _block(setups[0]) if is_block else _number(setups[0])
        return cls(what, calls, why, reasons, said, tuple(map(_example, some)), call_ids)


def counted(numbers: NDArray[np.int64], called: NDArray[np.int64], at_ms: NDArray[np.int64]) -> str:
    """How many calls, from how many numbers to how many, and when.

    Args:
        numbers: Keys of the calling numbers, in order of time, shape (n,); at least one.
        called: Of the called ones.
        at_ms: When each call was set up, epoch milliseconds.
    """
    many, more = len(np.unique(numbers)), len(np.unique(called))
    begin, end = (_instant(int(one)) for one in (at_ms[0], at_ms[-1]))
    calls, callers = counted_in_words(len(at_ms), "call"), counted_in_words(many, "number")
    return f"{calls} from {callers} to {counted_in_words(more, 'number')}, {begin} to {end} UTC"


def _block(setup: CallSetup) -> str:
    return f"number block {normal_form(setup.calling_number)[:NPANXX_LENGTH]} in trunk group {setup.trunk_group_id}"


def _number(setup: CallSetup) -> str:
    return f"calling number {setup.calling_number or 'withheld'} by trunk group {setup.trunk_group_id}"


def _example(setup: CallSetup) -> str:
    name = f"  {setup.calling_name!r}" if setup.calling_name else ""
    attestation = f"  attestation {setup.attestation}" if setup.attestation else ""
    return (
        f"{_instant(setup.setup_time_ms, 'seconds')}  {setup.calling_number} to {setup.called_number}"
        f"  by {setup.trunk_group_id}{attestation}{name}"
    )


def _instant(epoch_ms: int, precision: str = "minutes") -> str:
    return datetime.fromtimestamp(epoch_ms / 1_000, UTC).replace(tzinfo=None).isoformat(" ", precision)
