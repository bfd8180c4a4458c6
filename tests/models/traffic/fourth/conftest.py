"""One carrier of the fourth author, which the tests of its parts share."""

import pytest

from models.traffic.fourth.carrier import Carrier
from models.traffic.fourth.network.world import World
from models.traffic.span import DEFAULT_START_MS, HOUR_MS


@pytest.fixture(scope="session")
def carrier() -> Carrier:
    """A carrier of some 170,000 calls a day, a twelfth of them robocalls, whose new kinds come after a day."""
    return Carrier(5, calls_per_second=2.0, robocall_share=0.08, new_kinds_ms=DEFAULT_START_MS + 24 * HOUR_MS)


@pytest.fixture(scope="session")
def world(carrier: Carrier) -> World:
    """Its numbers and providers."""
    return carrier.world


@pytest.fixture(scope="session")
def noon() -> int:
    """An hour since the epoch, around noon of a Tuesday at all carriers."""
    return DEFAULT_START_MS // HOUR_MS + 4
