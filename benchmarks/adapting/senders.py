"""Which lawful organisations of a carrier are registered: what an operator would put into `--senders`."""

from collections.abc import Collection, Iterable
from random import Random

from detector.contract.events import CallSetup
from models.traffic.truth import Truth

_PEOPLE = ("person", "new_number", "spoofed_callback")
"""What kinds of callers begin with who are persons: nobody registers them."""
_BLOCK_DIGITS = 2
"""An organisation's numbers stand together: these last digits do not count in the draw."""


class Senders:
    """Takes calls; knows afterwards who is registered.

    Args:
        seed: Of the draw.
        share: Of the blocks of numbers from which lawful organisations call, 0 to 1.
        without: Kinds of organisations of which none is registered.

    Attributes:
        registered: Numbers.
    """

    def __init__(self, seed: int, share: float, without: Collection[str] = ()) -> None:
        self._seed = seed
        self._without = without
        self._share = share
        self.registered: set[str] = set()
        self._seen: set[str] = set()

    def note(self, calls: Iterable[tuple[CallSetup, Truth]]) -> None:
        """Look at who calls.

        Args:
            calls: With the truth of each.
        """
        for setup, truth in calls:
            number = setup.calling_number
            if truth.is_robocall or truth.kind.startswith(_PEOPLE) or number in self._seen:
                continue
            if not number.strip("+").isdigit():
                continue
            self._seen.add(number)
            block = number[:-_BLOCK_DIGITS]
            if truth.kind not in self._without and Random(f"sender {self._seed} {block}").random() < self._share:
                self.registered.add(number)
