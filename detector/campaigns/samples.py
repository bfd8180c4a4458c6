"""Different texts counted in a fixed memory: of all that were seen those with the lowest hashes, each with its count.

Which texts are kept follows from the texts alone. So of two samples the part below both borders can be compared: the
numbers that both have there are the share of numbers that both have.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

MOST = 64
HASH_BYTES = 8
HASHES = 1 << (8 * HASH_BYTES)


def rank_of(text: str) -> int:
    """Hash a text to 64 bits, the same in every process."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES).digest())


@dataclass(slots=True)
class Sample:
    """At most `MOST` of the texts seen.

    Attributes:
        counts: Texts of the sample, each with its count.
        border: Hash from which on texts were left out.
        ranks: Hash of each text of the sample; follows from them.
    """

    counts: dict[str, int] = field(default_factory=dict)
    border: int = HASHES
    ranks: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Work out the hashes."""
        self.ranks = {text: rank_of(text) for text in self.counts}

    def add(self, text: str) -> bool:
        """Count a text; says whether it is in the sample now and was not before. O(`MOST`) at worst."""
        if text in self.counts:
            self.counts[text] += 1
            return False
        rank = rank_of(text)
        if rank >= self.border:
            return False
        self.counts[text], self.ranks[text] = 1, rank
        self._cut()
        return text in self.counts

    def take_out(self, text: str) -> int:
        """Forget a text; returns its count, 0 where it is not in the sample. The border stays."""
        self.ranks.pop(text, None)
        return self.counts.pop(text, 0)

    def merge(self, other: "Sample") -> None:
        """Take the texts of another sample in."""
        self.border = min(self.border, other.border)
        for text, count in other.counts.items():
            self.counts[text] = self.counts.get(text, 0) + count
            self.ranks[text] = other.ranks[text]
        for text in [text for text, rank in self.ranks.items() if rank >= self.border]:
            self.take_out(text)
        self._cut()

    def distinct(self) -> int:
        """Estimate how many different texts were seen: exact up to `MOST`, within some 13 % beyond."""
        return round(len(self.counts) * HASHES / self.border)

    def shared(self, other: "Sample") -> float:
        """Share of calls whose texts the other has too: the smaller one of both sides' shares, by comparable texts."""
        if self.counts.keys().isdisjoint(other.counts):
            return 0.0
        border = min(self.border, other.border)
        mine, theirs = _below(self, border), _below(other, border)
        both = mine.keys() & theirs.keys()
        return min(_share(mine, both), _share(theirs, both)) if both else 0.0

    def _cut(self) -> None:
        while len(self.counts) > MOST:
            last = max(self.ranks, key=self.ranks.__getitem__)
            self.border = self.ranks[last]
            self.take_out(last)


def _below(sample: Sample, border: int) -> dict[str, int]:
    return {text: count for text, count in sample.counts.items() if sample.ranks[text] < border}


def _share(counts: Mapping[str, int], chosen: set[str]) -> float:
    return sum(counts[text] for text in chosen) / sum(counts.values())
