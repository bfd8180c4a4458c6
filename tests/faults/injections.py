"""The faults, each a function of a stage under load; used by the short tests and by `make soak` alike."""

import random
import signal
import time

from tests.faults.stage import Stage

INSTANTS_S = (0.2, 3.0)
"""Faults come at random instants: so long after the system was well again."""


def _at_a_random_instant(chance: random.Random) -> None:
    time.sleep(chance.uniform(*INSTANTS_S))


def kill_one(on: Stage, chance: random.Random) -> None:
    """Kill -9 of one worker; the supervisor starts it again."""
    _at_a_random_instant(chance)
    with on.fault():
        chance.choice(on.fleet.members).send(signal.SIGKILL)
    on.wait_until_whole()
