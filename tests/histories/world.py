"""A history: workers, what a schedule does to them, and the promises that hold at every instant and in the end.

A schedule is a list of acts, each a name and two numbers. Every list is a schedule: an act that has no object does
nothing, so what is left of one when acts are taken away is one too.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from faust.transport import consumer

from streams.state.recovery import RecoveryLimits
from streams.state.snapshot_file import read_snapshot
from streams.state.snapshot_format import Header
from streams.state.snapshot_store import Entry, SnapshotStore
from tests.histories.client import REFUSED
from tests.histories.model_broker import Broken, ModelBroker
from tests.histories.parts import Parts, join
from tests.histories.rigs import PARTITIONS, Rig, log_of, swept
from tests.histories.stepped_loop import SteppedLoop
from tests.histories.worker import Nobody, Worker

SLOTS = 3
LIMITS = RecoveryLimits(warm_up_s=1e9, warm_up_events=1_000, slice_events=2)
ROUNDS = 300
"""What has not come to rest by then never will."""


class Act(NamedTuple):
    """One step of a schedule."""

    name: str
    slot: int
    number: int


Mutation = Callable[[Worker], None]


def _nothing_more(worker: Worker) -> None:
    del worker


class World:
    """One history.

    Args:
        rig: what workers count with.
        log: number of the log.
        root: folder for snapshots; a folder in memory is faster.
        mutate: makes a worker wrong in one way, so that it can be seen whether anybody notices.
    """

    def __init__(self, rig: Rig, log: int, root: Path | None = None, mutate: Mutation = _nothing_more) -> None:
        self._rig = rig
        self._number = log
        self._mutate = mutate
        faust_consumer: Any = consumer
        self._collector, faust_consumer.gc = faust_consumer.gc, Nobody()  # collecting takes most of the time
        self.folder = Path(tempfile.mkdtemp(dir=root))
        self.broker = ModelBroker(PARTITIONS, log_of(log), repeats_agree=self._all_were_restored)
        self.workers: list[Worker | None] = [None] * SLOTS
        self._lives: list[Worker] = []
        self.owners: list[dict[str, frozenset[int]]] = [{}]
        self.taken: list[dict[int, int]] = [{}]
        """By generation: who owned what, and what the group had taken when it ended."""
        self.published = 0

    def _all_were_restored(self) -> bool:
        return not any(life.parts.recovery.warm_starts for life in self._lives)

    @property
    def lives(self) -> int:
        """Workers that were started."""
        return len(self._lives)

    def close(self) -> None:
        """End it."""
        for slot in range(SLOTS):
            self._crash(slot, 0)
        for life in self._lives:
            self._rig.done_with(life.parts.pipeline)
        shutil.rmtree(self.folder)
        faust_consumer: Any = consumer
        faust_consumer.gc = self._collector

    # Acts

    def do(self, act: Act) -> None:
        """Do one."""
        ACTS[act.name](self, act.slot % SLOTS, act.number)
        self._judge()

    def _judge(self) -> None:
        if self.broker.broken:
            raise Broken(self.broker.broken[0])

    def _start(self, slot: int, _: int) -> None:
        if self._at(slot) is None:
            name = f"w{slot}-{len(self._lives)}"
            worker = Worker(name, self.broker, SteppedLoop(), self._make_parts, self._rig.screening)
            self._mutate(worker)
            self.workers[slot] = worker
            self._lives.append(worker)

    def _make_parts(self, worker: Worker) -> Parts:
        spool = self.folder / f"spool-{worker.name}"
        spool.mkdir()
        store = Watched(self, worker.name)
        return join(self.broker.log, self._rig.pipeline(), store, spool, worker, LIMITS)

    def _at(self, slot: int) -> Worker | None:
        worker = self.workers[slot]
        return worker if worker is not None and worker.is_alive else None

    def _crash(self, slot: int, _: int) -> None:
        worker = self._at(slot)
        if worker is not None:
            worker.die()

    def _complete(self, _: int, number: int) -> None:
        generation = self.broker.generation
        self.broker.complete(Random(number))
        if self.broker.generation != generation:
            self.taken[-1] = dict(self.broker.committed)
            self.owners.append(dict(self.broker.members))  # whoever leaves was its owner all the same
            self.taken.append({})

    def _append(self, _: int, number: int) -> None:
        self.broker.append(1 + number % 4)

    def _work(self, slot: int, number: int) -> None:
        """Go through the ordinary work of a worker, from any place on, as far as to any place."""
        worker = self._at(slot)
        start, steps = number % len(WORK), number // len(WORK) % (2 * len(WORK))
        for step in range(start, start + steps):
            if worker is not None:
                WORK[step % len(WORK)](worker)

    def _some(self, slot: int, number: int) -> None:
        """Do parts of it in an order that no day has."""
        worker, chance = self._at(slot), Random(number)
        for step in chance.choices(WORK + SNAPSHOT, k=4 + number % 24):
            if worker is not None:
                step(worker)

    def published_now(self, name: str, header: Header, path: Path) -> None:
        """Judge a snapshot that has just become visible.

        A worker that begins late in its generation may be told what others have committed in the next one, and begin
        there: what it shows then is what the group has taken, too.
        """
        self.published += 1
        partition, offset, generation = header.partition, header.offset, header.generation
        taken = self.broker.committed if generation == self.broker.generation else self.taken[generation]
        told = next(life.client.told for life in self._lives if life.name == name)
        if offset > max(taken.get(partition, 0), told.get(partition, 0)):
            self.broker.blame(
                f"{name} published {partition}@{offset} of generation {generation}, the group had taken {taken}"
            )
        if partition not in self.owners[generation].get(name, ()):
            self.broker.blame(f"{name} published {partition}@{offset} of generation {generation} and was not its owner")
        found = read_snapshot(path, topic=header.topic, partition=partition, layout=header.layout,
                              feature_schema=header.feature_schema, seed=header.seed)  # fmt: skip
        self._look(found.parts, partition, offset, f"the snapshot {partition}@{offset} of {name}")

    def _look(self, parts: Any, partition: int, offset: int, what: str) -> None:
        wrong = self._rig.wrong(parts, self._number, partition, offset)
        if wrong:
            self.broker.blame(f"{what} is wrong: {wrong[:3]}")

    # The end

    def finish(self) -> None:
        """Let all go well from now on, until everything is decided and committed; then look at everything."""
        self.broker.append(1 << 20)
        for round_ in range(ROUNDS):
            self._have_somebody()
            for slot in range(SLOTS):
                worker = self._at(slot)
                if worker is not None:
                    for step in WORK:
                        step(worker)
            self._judge()
            alive = {worker.name for slot in range(SLOTS) if (worker := self._at(slot)) is not None}
            for gone in self.broker.members.keys() - alive:  # their sessions end
                self.broker.leave(gone)
            if self.broker.is_preparing and alive <= self.broker.joining:
                self._complete(0, round_)
            if self._is_done():
                break
        else:
            raise Broken(f"it never comes to rest: {self._state()}")
        for partition in range(PARTITIONS):
            owner = self._owner(partition)
            assert owner is not None
            end = self.broker.log.end(partition)
            self._look(swept(owner.parts.state.engine), partition, end, f"what {owner.name} has of {partition}")

    def _have_somebody(self) -> None:
        """Start a worker where all that live are leaving; while they take all places, later."""
        free = [slot for slot in range(SLOTS) if self._at(slot) is None]
        if free and not any(self._is_staying(slot) for slot in range(SLOTS)):
            self._start(free[0], 0)

    def _is_staying(self, slot: int) -> bool:
        worker = self._at(slot)
        return worker is not None and not worker.is_leaving

    def _owner(self, partition: int) -> Worker | None:
        living = [worker for slot in range(SLOTS) if (worker := self._at(slot)) is not None]
        return next((one for one in living if partition in self.broker.members.get(one.name, ())), None)

    def _is_done(self) -> bool:
        if self.broker.is_preparing:
            return False
        for partition in range(PARTITIONS):
            owner, end = self._owner(partition), self.broker.log.end(partition)
            if (
                owner is None
                or self.broker.committed.get(partition, 0) != end
                or partition not in owner.parts.recovery.ready
            ):
                return False
            if owner.parts.state.positions.get(partition) != end:
                return False
        return not self.broker.undecided(range(PARTITIONS))

    def _state(self) -> str:
        broker = self.broker
        ready = {one.name: one.parts.recovery.ready for one in self._lives if one.is_alive}
        undecided = broker.undecided(range(PARTITIONS))
        return f"taken {broker.committed}, undecided {undecided}, {broker.members=}, {broker.joining=}, {ready=}"


class Watched(SnapshotStore):
    """A store whose world looks at whatever becomes visible in it."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(str(world.folder / "snapshots"))
        self._world = world
        self._name = name

    def publish(self, path: Path, header: Header) -> Entry:
        self._world.published_now(self._name, header, path)
        return super().publish(path, header)


def _each(act: Callable[..., None]) -> Callable[[World, int, int], None]:
    """Do it to the worker in the slot, if there is one."""

    def do(world: World, slot: int, number: int) -> None:
        worker = world._at(slot)
        if worker is not None:
            act(worker, number)

    return do


WORK: tuple[Callable[[Worker], None], ...] = (
    Worker.heartbeat, lambda w: w.go(8), lambda w: w.poll(3), lambda w: w.go(3), lambda w: w.go(3),
    lambda w: w.send(0), lambda w: w.send(0), lambda w: w.send(0), lambda w: w.go(2),
    lambda w: w.send(0), lambda w: w.send(0), lambda w: w.send(0), lambda w: w.go(2),
    Worker.commit, lambda w: w.go(3), lambda w: w.answer_commit(0), lambda w: w.answer_commit(0), lambda w: w.go(3),
)  # fmt: skip
"""What happens to a worker all day."""
SNAPSHOT: tuple[Callable[[Worker], None], ...] = (Worker.snapshot, lambda w: w.go(8), lambda w: w.go(8))

ACTS: dict[str, Callable[[World, int, int], None]] = {
    "start": World._start,
    "crash": World._crash,
    "leave": _each(lambda w, _: w.leave()),
    "append": World._append,
    "complete": World._complete,
    "work": World._work,
    "some": World._some,
    "heartbeat": _each(lambda w, _: w.heartbeat()),
    "go": _each(lambda w, n: w.go(1 + n % 6)),
    "poll": _each(lambda w, n: w.poll(1 + n % 4)),
    "send": _each(lambda w, n: w.send(n % (REFUSED + 1))),
    "commit": _each(lambda w, _: w.commit()),
    "answer_commit": _each(lambda w, n: w.answer_commit(n % (REFUSED + 1))),
    "snapshot": _each(lambda w, _: w.snapshot()),
    "stand_still": _each(lambda w, _: w.stand_still()),
}
WEIGHTS = {"work": 8, "some": 10, "start": 5, "append": 4, "complete": 6, "go": 4, "snapshot": 2}
"""How often; the others once."""


FIRST = (Act("start", 0, 0), Act("append", 0, 3), Act("go", 0, 3), Act("complete", 0, 0))
"""How a seeded schedule begins: with a worker that owns everything."""


def schedule(seed: int) -> list[Act]:
    """The schedule of a seed."""
    chance = Random(seed)
    names = chance.choices(list(ACTS), [WEIGHTS.get(name, 1) for name in ACTS], k=chance.randint(6, 44))
    acts = [Act(name, chance.randrange(SLOTS), chance.randrange(1 << 16)) for name in names]
    return [*FIRST, *acts]


def shrunk(acts: list[Act], fails: Callable[[list[Act]], bool]) -> list[Act]:
    """Take away all that does not matter: halves first, then smaller pieces, then single acts."""
    size = len(acts) // 2
    while size:
        start = 0
        while start < len(acts):
            less = acts[:start] + acts[start + size :]
            if fails(less):
                acts = less
            else:
                start += size
        size //= 2
    return acts


def play(acts: Iterable[Act], rig: Rig, log: int, root: Path | None = None, mutate: Mutation = _nothing_more) -> World:
    """Play a history to its end, in a folder below `root`; see `World`.

    Raises:
        Broken: a promise was.
    """
    world = World(rig, log, root, mutate)
    try:
        for act in acts:
            world.do(act)
        world.finish()
    finally:
        world.close()
    return world
