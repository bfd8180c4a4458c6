"""Calls as columns, whole: what the caller decided, the way in, and the end."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from models.traffic.fourth.arrays import Bools, Ints
from models.traffic.fourth.attempts import Attempts
from models.traffic.fourth.network.outcomes import Ends
from models.traffic.fourth.network.providers import Routes


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls that were made; one element of each column is a call.

    Attributes:
        number: another one for each call of a carrier.
        attempts: what the callers decided.
        routes: by which ways they came in.
        ends: how they ended.
    """

    number: Ints
    attempts: Attempts
    routes: Routes
    ends: Ends

    def __len__(self) -> int:
        """How many calls."""
        return len(self.number)

    @property
    def end_ms(self) -> Ints:
        """When they ended, epoch milliseconds; always after the set-up."""
        return self.attempts.setup_ms + self.ends.ring_ms + np.maximum(self.ends.talk_ms, 0)

    def take(self, chosen: Ints | Bools) -> "Calls":
        """Those calls alone, in the order given."""
        parts = (_columns(part, lambda column: column[chosen]) for part in (self.attempts, self.routes, self.ends))
        return Calls(self.number[chosen], *parts)


def join(first: Calls, second: Calls) -> Calls:
    """All calls, one part behind the other."""
    return Calls(
        np.concatenate([first.number, second.number]),
        _joined([first.attempts, second.attempts]),
        _joined([first.routes, second.routes]),
        _joined([first.ends, second.ends]),
    )


def _columns(part: Any, change: Any) -> Any:
    return type(part)(*(change(getattr(part, one.name)) for one in fields(part)))


def _joined(parts: Iterable[Any]) -> Any:
    every = list(parts)
    return type(every[0])(*(np.concatenate([getattr(part, one.name) for part in every]) for one in fields(every[0])))
