"""What one worker knows of the trunk shares of its own and of other partitions. It knows no Redis and no engine."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, Self

KNOWN_ENOUGH = 0.95
"""A view that knows less of the other partitions' shares is `partial`."""


@dataclass(frozen=True, slots=True)
class TrunkView:
    """What a worker knows of the trunk totals of others.

    Attributes:
        view: `shared` when the totals include all other workers' partitions; `partial` when less than `KNOWN_ENOUGH` of
            their shares are known; `local` without Redis, and during an upgrade: what workers of another version or
            seed count cannot be added up.
        known: share of the other partitions' shares in Redis that is known.
        age_s: how long ago everything had last been written and read, seconds; None before the first time.
    """

    view: Literal["shared", "partial", "local"]
    known: float
    age_s: float | None


@dataclass(slots=True)
class OwnShares:
    """What this worker counted in one of its partitions, and what Redis has of it.

    `inherited` is what its owner before wrote: it is not written again where it is the same. It `is_new` until its
    shares were collected for the first time. Of the changes `in_doubt` nobody knows whether they were written.
    """

    shares: dict[str, bytes] = field(default_factory=dict)
    unwritten: dict[str, None] = field(default_factory=dict)
    count: int | None = None
    inherited: dict[str, bytes] = field(default_factory=dict)
    is_new: bool = True
    sent: int = 0
    in_doubt: int = 0

    @classmethod
    def after(cls, other: "OtherShares | None") -> Self:
        """What is known at the start of a partition that was another worker's, or nobody's."""
        return cls() if other is None or other.is_behind else cls(count=other.count, inherited=other.shares)

    def put(self, trunk: str, share: bytes, most: int) -> None:
        """Take a share as the one changed last; beyond `most` the one that is unchanged for longest goes."""
        self.shares.pop(trunk, None)
        self.shares[trunk] = share
        if self.inherited.get(trunk) != share:
            self.unwritten[trunk] = None
        if len(self.shares) > most:
            gone = next(iter(self.shares))
            del self.shares[gone]
            self.unwritten.pop(gone, None)

    def failed(self) -> None:
        """Note that nobody knows whether what was sent last has been written, nor whether the rest is still there.

        The share that changed last is written again: the number of changes after it will tell.
        """
        self.in_doubt, self.sent = self.in_doubt + self.sent, 0
        self.unwritten.update(dict.fromkeys(islice(reversed(self.shares), 1)))

    def written(self, shares: Mapping[str, bytes], count: int) -> None:
        """Note that `shares` were written, and the number of changes after it."""
        if self.count is not None and not 0 <= count - self.count - len(shares) <= self.in_doubt:
            # Redis was emptied, or somebody else wrote here: write everything again.
            self.unwritten.update(dict.fromkeys(self.shares))
        self.count, self.in_doubt = count, 0
        for trunk, share in shares.items():
            if self.shares.get(trunk) is share:
                self.unwritten.pop(trunk, None)


@dataclass(slots=True)
class OtherShares:
    """What another worker wrote of one partition, up to its change number `count`, longest unchanged first.

    `version` is changes in Redis, None before the first look; `total` is trunk groups that its owner has; `size` is in
    bytes. Its latest share was one of another version or seed, which cannot be added up, until `foreign_until_s` of the
    monotonic clock: by then that share counts for nothing.
    """

    shares: dict[str, bytes] = field(default_factory=dict)
    count: int = 0
    version: int | None = None
    total: int = 0
    size: int = 0
    foreign_until_s: float = 0.0

    @classmethod
    def of(cls, own: OwnShares) -> Self:
        """What was our own: its next owner's word replaces this share by share."""
        size = sum(map(len, own.shares.values()))
        return cls(own.shares, own.count or 0, version=own.count, total=len(own.shares), size=size)

    @property
    def is_behind(self) -> bool:
        """Whether there is more to read."""
        return self.version is None or self.count < self.version

    def put(self, trunk: str, share: bytes, most: int, room: int) -> int:
        """Take a share as the one changed last; beyond `most`, or `room` more bytes, those unchanged for longest go.

        Returns:
            How many bytes more are kept.
        """
        before = self.size
        self.size += len(share) - len(self.shares.pop(trunk, b""))
        self.shares[trunk] = share
        while self.shares and (self.size - before > room or len(self.shares) > most):
            self.size -= len(self.shares.pop(next(iter(self.shares))))
        return self.size - before


def known_share(others: Collection[OtherShares]) -> float:
    """Which share of what Redis has of other partitions is known; 1 where it has nothing."""
    total = sum(other.total for other in others)
    return sum(min(len(other.shares), other.total) for other in others) / total if total else 1.0
