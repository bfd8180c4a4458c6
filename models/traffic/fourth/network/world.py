"""What callers find before them: the carrier's seed, its numbers, the providers, and the names of kinds."""

from dataclasses import dataclass

from models.traffic.fourth.network.numbers import Numbering
from models.traffic.fourth.network.providers import Providers
from models.traffic.fourth.rhythm import LocalHour, local_hour

_SPREAD = 0x9E3779B1  # ids of carriers with seeds beside each other begin with unlike digits


@dataclass(frozen=True, slots=True)
class World:
    """A carrier and what is around it.

    Attributes:
        seed: of all draws.
        numbering: who has which number.
        providers: by whose trunk groups calls come in.
        utc_offset_h: its local time.
        kinds: names of kinds of caller; columns hold their places.
    """

    seed: int
    numbering: Numbering
    providers: Providers
    utc_offset_h: int
    kinds: tuple[str, ...]

    def local(self, hour: int) -> LocalHour:
        """An hour since the epoch, as the subscribers see it."""
        return local_hour(hour, self.utc_offset_h)

    def call_id(self, number: int) -> str:
        """The id of a call by its number at the carrier."""
        return f"{self.seed * _SPREAD % (1 << 24):06x}-{number:x}"

    def kind(self, name: str) -> int:
        """The place of a kind among `kinds`."""
        return self.kinds.index(name)
