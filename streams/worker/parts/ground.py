"""What all other parts of a worker stand on."""

import os
import socket
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from detector.policy.screening import Screener
from detector.windows import WindowEngine
from streams.kafka.faust_app import make_faust_app
from streams.kafka.topics import CALL_EVENTS
from streams.numbers.assigned import read_unassigned
from streams.redis.connection import Guard, connect
from streams.running.services import Ending
from streams.screening.build import make_screener
from streams.settings import Settings
from streams.worker.health import Health


@dataclass(frozen=True, slots=True)
class Ground:
    """What all other parts stand on.

    Attributes:
        settings: of this worker.
        ending: told about the failure that must stop it.
        seed: of all hashes.
        screener: windows, model, policy, lists.
        app: the Faust application.
        source: its topic of `call-events`, as polls.
        health: told about joining and leaving, and judges by offsets.
        redis: client.
        guard: shared by all users of the client.
    """

    settings: Settings
    ending: Ending
    seed: int
    screener: Screener[WindowEngine]
    app: Any
    source: Any
    health: Health
    redis: Redis
    guard: Guard

    @classmethod
    def make(cls, settings: Settings, ending: Ending, seed: int) -> "Ground":
        """Make it; policy and model are read."""
        screener = make_screener(settings, shared_trunks=False, seed=seed)
        screener.engine.unassigned = read_unassigned(settings.assigned_codes_file)
        app, source = make_faust_app(settings, poll_topic=CALL_EVENTS)
        health = Health(settings.health_stall_s, settings.clock_bound_s)
        return cls(settings, ending, seed, screener, app, source, health, connect(settings), Guard())

    @property
    def instance(self) -> str:
        """Name of this worker: the one that it was given, else its machine and process."""
        return self.settings.instance_id or f"{socket.gethostname()}-{os.getpid()}"

    def partitions(self) -> int:
        """How many `call-events` has, as far as is known; once the application has started."""
        return int(self.app.consumer.partition_count(CALL_EVENTS))
