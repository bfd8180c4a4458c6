"""From outcomes to decision records: calls that are simply allowed all at once, every other call by itself.

It chooses between the two forms (`streams.screening.bulk_allows`, `streams.screening.single_answers`) and joins them.
"""

from dataclasses import dataclass, field

import numpy as np

from detector.columns.arrays import Ints
from detector.policy.screening import Screening
from streams.screening.bulk_allows import Slices, Written, write_allows
from streams.screening.lateness import LateForm, Waiting
from streams.screening.one_by_one import Poison
from streams.screening.single_answers import SingleAnswer, answer_one


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Encoded decisions; all sequences run parallel to `screening.calls`.

    Attributes:
        screening: What they say; less the calls that could not be answered.
        decisions: Values of the records.
        keys: Their keys.
        arrivals_ms: When the record of each call arrived, shape (n,), epoch milliseconds; 0 or less: nobody knows.
        late: By row, what to publish once the answer is late; none where it allows anyway, or where nobody waits.
        poison: Records that could not be answered in any form.
        failures: What encoding raised.
    """

    screening: Screening
    decisions: Slices
    keys: Slices
    arrivals_ms: Ints
    late: dict[int, LateForm] = field(default_factory=dict)
    poison: tuple[Poison, ...] = ()
    failures: tuple[Exception, ...] = ()


def answer(
    screening: Screening, positions: Ints, arrivals_ms: Ints, waiting: Waiting | None, now_ms: int | None
) -> Answers:
    """Encode the decision of every call; one that cannot be encoded passes, and if even that fails it is left out.

    Called once for each batch, last. Never raises and never blocks. Calls that are simply allowed, and whose texts
    stand in their records as they are, are written all at once.

    Args:
        screening: What was decided; changed in place where a call passes after all.
        positions: Of each call's record in the batch, shape (n_setups,).
        arrivals_ms: Of each call's record, shape (n_setups,), epoch milliseconds; 0 or less where nobody knows.
        waiting: None where nobody waits: no late forms.
        now_ms: Time of decision, epoch milliseconds; None takes each call's own setup time.
    """
    failures: list[Exception] = []
    written = _write_allows(screening, now_ms, failures)
    singles: dict[int, SingleAnswer] = {}
    poison: dict[int, Poison] = {}
    for row in (~written.is_written).nonzero()[0].tolist():
        try:
            one = singles[row] = answer_one(screening, row, arrivals_ms.item(row), waiting, now_ms)
        except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
            poison[row] = Poison(positions.item(row), error)
            failures.append(error)
            continue
        if one.failure is not None:
            failures.append(one.failure)
    made = Answers(
        screening,
        Slices(written.data, written.decisions, {row: one.decision for row, one in singles.items()}),
        Slices(written.data, written.keys, {row: one.key for row, one in singles.items()}),
        arrivals_ms,
        {row: one.late for row, one in singles.items() if one.late is not None},
        tuple(poison.values()),
        tuple(failures),
    )
    return _less(made, list(poison)) if poison else made


def _write_allows(screening: Screening, now_ms: int | None, failures: list[Exception]) -> Written:
    """Write what can be written at once."""
    is_wanted = screening.calls.plain.copy()
    if screening.decided:
        is_wanted[list(screening.decided)] = False
    if is_wanted.any():
        try:
            return write_allows(screening, is_wanted, now_ms)
        except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
            failures.append(error)
    return Written.nothing(len(is_wanted))


def _less(made: Answers, lost: list[int]) -> Answers:
    """Take out the calls that cannot be answered, by row, ascending."""
    screening = made.screening
    for row in reversed(lost):
        screening = screening.without(row)
    kept = np.delete(np.arange(len(made.decisions)), lost).tolist()
    return Answers(
        screening,
        made.decisions.take(kept),
        made.keys.take(kept),
        made.arrivals_ms[kept],
        {new: made.late[old] for new, old in enumerate(kept) if old in made.late},
        made.poison,
        made.failures,
    )
