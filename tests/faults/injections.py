"""The faults, each a function of a stage under load: used by the short tests and by `make soak` alike."""

import random
import signal
import time

import redis
from confluent_kafka.admin import AdminClient

from streams.kafka import topics
from streams.kafka.topics import CALL_EVENTS
from tests.faults.disk import SmallDisk
from tests.faults.object_store import ObjectStore
from tests.faults.stage import SESSION_TIMEOUT_S, Stage
from tests.waiting import wait_until

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


def terminate_one(on: Stage, chance: random.Random) -> None:
    """SIGTERM to one worker; the supervisor starts it again when it has ended, in order or not."""
    _at_a_random_instant(chance)
    _restart(on, chance.randrange(len(on.fleet.members)))


def restart_all(on: Stage, chance: random.Random) -> None:
    """A rolling restart: SIGTERM to one worker after the other, each when the one before is back at work."""
    _at_a_random_instant(chance)
    for index in range(len(on.fleet.members)):
        _restart(on, index)


def _restart(on: Stage, index: int) -> None:
    member = on.fleet.members[index]
    ended = len(member.exits)
    with on.fault():
        member.send(signal.SIGTERM)
        wait_until(lambda: len(member.exits) > ended, f"{member.name} ends after SIGTERM")
    assert member.exits[-1] == 0, f"{member.name} ended with {member.exits[-1]} after SIGTERM"
    on.wait_until_whole()


def freeze_one(on: Stage, chance: random.Random, seconds: float = 1.5 * SESSION_TIMEOUT_S) -> None:
    """SIGSTOP of one worker for longer than its session lasts; then it wakes up as a zombie."""
    _at_a_random_instant(chance)
    member = chance.choice(on.fleet.members)
    with on.fault():
        member.send(signal.SIGSTOP)
        time.sleep(seconds)
        member.send(signal.SIGCONT)
    on.wait_until_whole()


def stop_broker(on: Stage, chance: random.Random, seconds: float) -> None:
    """The broker is stopped in order and started again."""
    _at_a_random_instant(chance)
    with on.fault():
        on.broker.stop()
        time.sleep(seconds)
        on.broker.start()
    on.wait_until_whole()


def lose_brokers(on: Stage, chance: random.Random, seconds: float) -> None:
    """No broker answers: connections stay open and nothing comes through."""
    _at_a_random_instant(chance)
    with on.fault():
        on.broker.pause()
        time.sleep(seconds)
        on.broker.resume()
    on.wait_until_whole()


def kill_leader(on: Stage, chance: random.Random, seconds: float) -> None:
    """Kill -9 of the broker that leads a partition; another one leads it until the first is back."""
    _at_a_random_instant(chance)
    with topics.admin_client(on.settings) as admin:
        (described,) = admin.describe_topics([CALL_EVENTS])
    _kill_broker(on, chance.choice(described["partitions"])["leader_id"], seconds)


def kill_coordinator(on: Stage, chance: random.Random, seconds: float) -> None:
    """Kill -9 of the broker that keeps the offsets of the group; another one does until the first is back."""
    _at_a_random_instant(chance)
    group = on.settings.consumer_group
    admin = AdminClient({"bootstrap.servers": on.settings.kafka_bootstrap_servers, "log_level": 0})
    described = admin.describe_consumer_groups([group])[group].result()
    _kill_broker(on, described.coordinator.id, seconds)


def _kill_broker(on: Stage, node: int, seconds: float) -> None:
    killed = on.brokers[node - 1]
    with on.fault():
        killed.kill()
        time.sleep(seconds)
        killed.start()
    on.wait_until_in_step()


def freeze_broker(on: Stage, chance: random.Random, seconds: float) -> None:
    """SIGSTOP of a broker: connections to it stay open. It leads a third of the partitions and follows in the others.

    The others wait for it until it has been silent for too long, and go on as two.
    """
    _at_a_random_instant(chance)
    frozen = chance.choice(on.brokers)
    with on.fault():
        frozen.pause()
        time.sleep(seconds)
        frozen.resume()
    on.wait_until_in_step()


def start_without_one(on: Stage, chance: random.Random, seconds: float) -> None:
    """Kill -9 of a broker, and of a worker, which starts while that broker is away."""
    _at_a_random_instant(chance)
    away = chance.choice(on.brokers)
    with on.fault():
        away.kill()
        chance.choice(on.fleet.members).send(signal.SIGKILL)
        time.sleep(seconds)
        on.wait_until_whole()
        away.start()
    on.wait_until_in_step()


def kill_redis(on: Stage, chance: random.Random, seconds: float) -> None:
    """Redis is killed and comes back empty."""
    _at_a_random_instant(chance)
    with on.fault():
        on.valkey.kill()
        time.sleep(seconds)
        on.valkey.start()


def slow_redis(on: Stage, chance: random.Random, seconds: float, delay_s: float = 2.0) -> None:
    """Every answer of Redis comes late."""
    _at_a_random_instant(chance)
    with on.fault():
        on.redis.slow(delay_s)
        time.sleep(seconds)
        on.redis.slow(0.0)


def fill_redis(on: Stage, chance: random.Random, seconds: float) -> None:
    """Redis is out of memory and refuses every write."""
    _at_a_random_instant(chance)
    with redis.Redis.from_url(on.valkey.url) as client, on.fault():
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        time.sleep(seconds)
        client.config_set("maxmemory", 0)


def more_partitions(on: Stage, chance: random.Random, number: int) -> None:
    """`call-events` gets more partitions under running workers."""
    _at_a_random_instant(chance)
    with topics.admin_client(on.settings) as admin, on.fault():
        admin.create_partitions({CALL_EVENTS: number})
        on.partitions = number
    on.wait_until_whole()


def _meanwhile(on: Stage, seconds: float) -> None:
    """Let time pass, kill -9 a worker, and wait until it is back: the fault is no excuse for losing anything."""
    time.sleep(seconds)
    on.fleet.members[0].send(signal.SIGKILL)
    on.wait_until_whole()


def fill_snapshots(on: Stage, chance: random.Random, disk: SmallDisk, seconds: float) -> None:
    """The disk of the snapshots is full, and a worker is killed meanwhile."""
    _at_a_random_instant(chance)
    with on.fault():
        disk.fill()
        _meanwhile(on, seconds)
        disk.free()
    on.wait_for_snapshots()


def refuse_snapshots(on: Stage, chance: random.Random, disk: SmallDisk, seconds: float) -> None:
    """The disk of the snapshots is read-only, and a worker is killed meanwhile."""
    _at_a_random_instant(chance)
    with on.fault():
        disk.read_only()
        _meanwhile(on, seconds)
        disk.writable()
    on.wait_for_snapshots()


def damage_snapshots(on: Stage, chance: random.Random) -> None:
    """The newest snapshot of every partition is damaged in the middle, and a worker is killed."""
    on.wait_for_snapshots()
    on.wait_for_snapshots()  # each partition has one before its newest
    _at_a_random_instant(chance)
    with on.fault():
        for path in on.newest_snapshots():
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 0xFF
            path.write_bytes(content)
        chance.choice(on.fleet.members).send(signal.SIGKILL)
    on.wait_until_whole()


def slow_snapshots(on: Stage, chance: random.Random, store: ObjectStore, seconds: float, delay_s: float = 2.0) -> None:
    """Every answer of the object store comes late, and a worker is killed meanwhile."""
    _at_a_random_instant(chance)
    with on.fault():
        store.proxy.slow(delay_s)
        _meanwhile(on, seconds)
        store.proxy.slow(0.0)


def go_on(on: Stage, chance: random.Random, seconds: float) -> None:
    """Nothing more than what is wrong all the time in this run, and a worker that is killed."""
    _at_a_random_instant(chance)
    with on.fault():
        _meanwhile(on, seconds)


def overload(on: Stage, chance: random.Random, rate: float, seconds: float) -> None:
    """More calls than the workers can decide."""
    _at_a_random_instant(chance)
    with on.fault(), on.burst(rate):
        time.sleep(seconds)
