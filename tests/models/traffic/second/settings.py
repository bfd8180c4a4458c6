"""A small region for the tests of who calls in it."""

from random import Random

from models.traffic.second.callers import Numbering, trunks
from models.traffic.second.lawful import Setting


def setting() -> Setting:
    """Forty thousand people, thirty trunk groups, ten calls a second for two hours."""
    random = Random(1)
    return Setting(Numbering(40_000, random), trunks(random, 30), 7_200.0, 10.0)
