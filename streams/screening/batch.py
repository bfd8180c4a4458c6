"""The one value that carries a batch from the broker's bytes to the broker's bytes, in parts that have names."""

from dataclasses import dataclass
from typing import NamedTuple

from detector.columns.batch_columns import BatchColumns
from detector.policy.screening import Screening
from streams.screening.answers import Answers
from streams.screening.one_by_one import INTERNAL_ERROR, Poison
from streams.wire.reading import Reading
from streams.wire.record_columns import Records


class Unusable(NamedTuple):
    """A record that becomes a dead letter.

    Attributes:
        position: Its index in the batch.
        code: What is wrong, for a program.
        message: What is wrong, for a person; without any value of the record.
    """

    position: int
    code: str
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """A batch that has gone through all rooms. Each room makes one part of the part before it, and changes no other.

    Attributes:
        records: The bytes, as they came. Filled by `streams.kafka.fetched`, or by whoever reads a file.
        reading: The events that these bytes say, and the refused records. Filled by `streams.wire.reading`.
        columns: Columns of the events and of the setups among them, by `detector.columns.batch_columns`. None where an
            internal error kept the whole batch from being judged.
        screening: What was decided of each setup. Filled by `detector.policy.screening`, with windows and model.
        answers: The bytes to be published, parallel to `screening.calls`. Filled by `streams.screening.answers`.
        poison: Records that cannot be answered at all, since they made our own code raise.
        ends_again: How many ends came before and were counted then.
    """

    records: Records
    reading: Reading
    columns: BatchColumns | None
    screening: Screening
    answers: Answers
    poison: list[Poison]
    ends_again: int = 0

    @property
    def skewed(self) -> int:
        """How many events had a clock that was put right."""
        return 0 if self.columns is None else self.columns.skewed

    def unusable(self) -> list[Unusable]:
        """List the records that get no other answer than a dead letter, in order: refused ones, and poison."""
        refused = [Unusable(one.position, str(one.code), one.message) for one in self.reading.rejected]
        return sorted(refused + [Unusable(one.position, INTERNAL_ERROR, one.message) for one in self.poison])
