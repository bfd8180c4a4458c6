"""`robocall demo`: the whole system on one machine, with nothing installed but Python.

Starts Apache Kafka and Valkey on loopback (or uses those that the settings name), a worker process, and generated
traffic in real time; shows decisions as another program reads them; stops everything it started, in every case.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from rich.console import Console
from rich.live import Live

from detector.contract.decisions import Action
from detector.features.window_constants import DAY_MS
from models.serve.artifact import SHIPPED
from streams.bridge.settings import BRIDGE_PREFIX, BridgeSettings
from streams.commands.demo.backlog import backlog
from streams.commands.demo.desk import Desk, prepared_desk, running_desk
from streams.commands.demo.dips import DippedCalls
from streams.commands.demo.model import MODEL_VARIABLE, write_model
from streams.commands.demo.policy import POLICY_VARIABLE, write_policy
from streams.commands.demo.processes import BRIDGE, Running, calls_unjudged, running_bridge, running_worker
from streams.commands.demo.switch import Switch
from streams.commands.demo.traffic import BATCH_BYTES, CallTraffic, publish
from streams.commands.demo.view import Dips, Figures, in_few_lines, live, summary, unjudged
from streams.commands.replay import loaded, replayed, require_judged
from streams.errors import DemoFailed
from streams.files import private_folder
from streams.kafka.client import client_settings
from streams.kafka.temporary_group import partitions_of, temporary_group
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, admin_client, create, create_secret
from streams.local.services import KAFKA_VARIABLE, REDIS_VARIABLE, LocalServices, local_services
from streams.running.progress import step
from streams.running.told_every import EVERY_S, told_every
from streams.screening.pipeline import MAX_BATCH
from streams.settings import load_settings
from streams.wire.records import DECISION_DECODER

PARTITIONS = 4
SECONDS, SECONDS_OF_PEOPLE = 30, 1_800
"""How long it runs; people at a console take longer."""
ENDINGS = (signal.SIGTERM, signal.SIGHUP)
"""A window that is closed, say: it ends as by Ctrl-C."""
LOOK_S = 0.25
SETTLE_S = 5.0
SWITCH_WAITS_S = 0.2
"""The switch's own timer ends so long after the bridge's deadline."""
PATIENT = {"ROBOCALL_DECISION_DEADLINE_MS": "5000", "ROBOCALL_SHED_AFTER_MS": "4000"}
"""A laptop that has just compiled everything would let calls pass that nobody waits for here."""
BRIDGE_DEADLINE, BRIDGE_PATIENCE_MS = f"{BRIDGE_PREFIX}DEADLINE_MS", 5_000
"""The same of the bridge."""


@click.command()
@click.option(
    "--seconds", type=click.FloatRange(3, 3_600), default=None,
    help=f"How long to run.  [default: {SECONDS}; {SECONDS_OF_PEOPLE:,} with --console]",
)  # fmt: skip
@click.option("--rate", type=click.FloatRange(10, 5_000), default=100.0, show_default=True, help="Calls per second.")
@click.option(
    "--history-hours", type=click.FloatRange(0, 6), default=1.0, show_default=True,
    help="Calls of the hours before that are played first; with 0 it is a cold start.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Seed of the generated traffic.")
@click.option("--sip", is_flag=True, help="Ask about the live calls by SIP: each INVITE goes to a bridge, started too.")
@click.option("--console", "with_console", is_flag=True, help="Open the console on it, with archive and campaigns.")
def demo(seconds: float | None, rate: float, history_hours: float, seed: int, *, sip: bool, with_console: bool) -> None:
    """Run the whole system here: broker, store, worker, traffic; watch decisions; compare them with the truth.

    First an hour of calls goes through Kafka as fast as the worker decides them, so that it knows its callers as one
    that has run for an hour does. Then calls come live. The summary is of these, beside what a cold start makes of
    them.

    The first run downloads Apache Kafka (44 MB). Where ROBOCALL_KAFKA_BOOTSTRAP_SERVERS or ROBOCALL_REDIS_URL is set,
    that service is used instead, and gets the demo's calls and decisions. Ctrl-C at any time stops everything and shows
    the summary so far.

    The model is the shipped one with a group weight (`robocall models weigh`), unless ROBOCALL_MODEL_DIR or
    ROBOCALL_MODELS_URL says otherwise. Labels start at the score on its card and blocks at that of a fresh policy,
    unless ROBOCALL_POLICY_FILE says otherwise.

    No switch waits here, so an answer may take 5 s unless ROBOCALL_DECISION_DEADLINE_MS says otherwise; the summary
    says how many calls were decided within 250 ms, the default of a worker.

    With --sip the switch speaks no Kafka: `robocall bridge` answers its INVITEs, and the summary says how, and how many
    of them within 80 ms, the default of a bridge; here it waits 5 s unless ROBOCALL_BRIDGE_DEADLINE_MS says otherwise.
    Ends of calls that the switch routed go straight to Kafka, as other parts of a network publish them.

    With --console `robocall archive run`, `campaigns run` and `console` run beside the worker, for half an hour or
    until Ctrl-C. It says where the console is and how to sign in. docs/tutorials/first-quarter-of-an-hour.md says what
    to try there. What is tried ends with the demo, so it takes no Kafka and no Redis that others use.
    """
    if with_console and (used := [name for name in (KAFKA_VARIABLE, REDIS_VARIABLE) if os.environ.get(name)]):
        raise click.UsageError(f"--console has a Kafka and a Redis of its own: unset {' and '.join(used)}")
    for number in ENDINGS:
        signal.signal(number, signal.default_int_handler)
    seconds = seconds or (SECONDS_OF_PEOPLE if with_console else SECONDS)
    console = Console(stderr=True)
    figures = Figures(dips=Dips() if sip else None)
    model = write_model(private_folder() / "model", load_settings())
    desk = prepared_desk(seed, model) if with_console else None
    with (
        local_services(configured=True) as services,
        _environment(services.environment()),
        _topics_and_group(services, console) as own,
        _environment(own | _own_files(model) | dict(desk.settings if desk else {})),
        _running(desk, console, sip=sip) as parts,
    ):
        with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
            work = _watch(
                figures, parts, seconds=seconds, rate=rate, seed=seed, history_hours=history_hours, console=console
            )
            asyncio.run(_until_told(work))
        for part in parts:
            if not part.is_up():
                raise DemoFailed(f"the {part.name} ended with status {part.process.returncode}")
        cold = _cold(figures, console) if figures.sent.live else None
    console.print(summary(figures, cold))


@contextlib.contextmanager
def _running(desk: Desk | None, console: Console, *, sip: bool) -> Iterator[list[Running]]:
    """All processes of the demo, ready, the worker first; people start before it, and may look at what comes."""
    with contextlib.ExitStack() as stack:
        people = [] if desk is None else stack.enter_context(running_desk(desk, console))
        parts = [stack.enter_context(running_worker(console))]
        if sip:
            parts.append(stack.enter_context(running_bridge(console)))
        yield [*parts, *people]


@contextlib.contextmanager
def _topics_and_group(services: LocalServices, console: Console) -> Iterator[dict[str, str]]:
    """Missing topics created, and the settings of a worker that leaves the group of other workers alone."""
    own_broker = "kafka" in services.pids
    settings, copies = load_settings(), 1 if own_broker else None
    with admin_client(settings) as admin:
        with step("Creating the topics", console):
            create(admin, partitions=PARTITIONS, replication_factor=copies)
            create_secret(admin, settings, replication_factor=copies)
        with temporary_group(admin, "robocall-demo") as group:
            yield {
                "ROBOCALL_CONSUMER_GROUP": group,
                "ROBOCALL_PARTITIONS": str(partitions_of(admin, CALL_EVENTS)),
                "ROBOCALL_MODE": "enforce",
                "ROBOCALL_ENFORCE_UNMEASURED": "demo: nobody is called here, and an hour is too short for a measure",
                "ROBOCALL_REDRESS_URL": "https://redress.carrier.example/",  # nobody is called, so nobody complains
                "ROBOCALL_SNAPSHOT_URL": str(private_folder()),
                "ROBOCALL_CLOCK_BEHIND_MS": str(DAY_MS),  # history is no clock that is wrong
                **({} if PATIENT.keys() & os.environ.keys() else PATIENT),
                BRIDGE_DEADLINE: os.environ.get(BRIDGE_DEADLINE, str(BRIDGE_PATIENCE_MS)),
            }


def _own_files(model: Path) -> dict[str, str]:
    """The settings of the model, and of the policy: a file of the demo's own, since people at its console change it."""
    path = private_folder() / "policy.yaml"
    write_policy(path, load_settings().policy_file, model)
    return {POLICY_VARIABLE: str(path)} | ({} if model == SHIPPED else {MODEL_VARIABLE: str(model)})


@contextlib.contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    """Do the work; one of `ENDINGS` cancels it, and it alone: what it uses goes on until it has cleaned up."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    for number in ENDINGS:
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    finally:
        for number in ENDINGS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.default_int_handler)


async def _watch(
    figures: Figures,
    parts: Sequence[Running],
    *,
    seconds: float,
    rate: float,
    seed: int,
    history_hours: float,
    console: Console,
) -> None:
    settings = load_settings()
    clients = client_settings(settings)
    consumer = AIOKafkaConsumer(CALL_DECISIONS, auto_offset_reset="latest", **clients)
    producer = AIOKafkaProducer(acks=1, max_batch_size=BATCH_BYTES, **clients)
    async with (
        consumer,
        producer,
        backlog(settings, consumer) as behind,
        _dipped(figures, parts, producer) as dipped,
    ):
        traffic = CallTraffic(
            producer,
            settings.partitions,
            dipped,
            rate=rate,
            seed=seed,
            history_hours=history_hours,
            seconds=seconds,
            sent=figures.sent,
            behind=behind,
        )
        with step(f"Playing {history_hours:g} h of history", console) as say:
            await _while_working(parts, asyncio.create_task(traffic.play_history(say)))
        figures.unjudged = await asyncio.to_thread(calls_unjudged, parts[0].port)
        for line in unjudged(figures):
            console.print(line)
        await consumer.seek_to_end()  # decisions until now are not ours to count
        reader = asyncio.create_task(_read(consumer, figures))
        try:
            await _show_live(figures, parts, reader, asyncio.create_task(traffic.play_live()), seconds, console)
        except asyncio.CancelledError:
            figures.sent.stopped_ms = time.time() * 1e3
            raise
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)


@contextlib.asynccontextmanager
async def _dipped(
    figures: Figures, parts: Sequence[Running], producer: AIOKafkaProducer
) -> AsyncIterator[DippedCalls | None]:
    """Who handles live calls by asking the bridge, where there is one."""
    ports = [part.port for part in parts if part.name == BRIDGE]
    if figures.dips is None:
        yield None
        return
    switch = Switch(BridgeSettings.load().deadline_ms / 1e3 + SWITCH_WAITS_S)
    await switch.start(*ports)
    try:
        yield DippedCalls(switch, partial(publish, producer), figures.dips)
    finally:
        switch.stop()


async def _while_working(parts: Sequence[Running], task: "asyncio.Task[None]", *others: "asyncio.Task[None]") -> None:
    """Wait for a task as long as all parts are up and none of the others has ended."""
    tasks = (*others, task)
    try:
        while all(part.is_up() for part in parts) and not any(one.done() for one in tasks):
            await asyncio.wait(tasks, timeout=LOOK_S)
        for one in tasks:
            if one.done():
                one.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _show_live(
    figures: Figures,
    parts: Sequence[Running],
    reader: "asyncio.Task[None]",
    sender: "asyncio.Task[None]",
    seconds: float,
    console: Console,
) -> None:
    """Show the live part until all of it is decided."""

    async def shown() -> None:
        began = time.monotonic()
        with (
            _lines(figures, seconds, console),
            Live(
                live(figures, elapsed_s=0, seconds=seconds),
                console=console,
                refresh_per_second=4,
                transient=not console.is_terminal,  # a file has its lines, and the summary
            ) as table,
        ):
            while not sender.done() or figures.decided < figures.sent.calls:
                await asyncio.sleep(LOOK_S)
                elapsed = time.monotonic() - began
                table.update(live(figures, elapsed_s=elapsed, seconds=seconds))
                if sender.done() and elapsed > seconds + SETTLE_S:
                    return
        sender.result()

    try:
        await _while_working(parts, asyncio.create_task(shown()), reader)
    finally:
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)


@contextlib.contextmanager
def _lines(figures: Figures, seconds: float, console: Console) -> Iterator[None]:
    """Figures now and then where there is no terminal, on which a table could live."""
    if console.is_terminal:
        yield
        return

    def tell(elapsed_s: float) -> None:
        console.print(in_few_lines(figures, elapsed_s=elapsed_s, seconds=seconds), soft_wrap=True, highlight=False)

    console.print("Sending calls")
    with told_every(EVERY_S, tell):
        yield


async def _read(consumer: AIOKafkaConsumer, figures: Figures) -> None:
    async for record in consumer:
        decision = DECISION_DECODER.decode(record.value)
        if decision.call_id in figures.sent.truths:  # on a configured cluster other calls are decided too
            figures.add(decision, time.time() * 1e3 - decision.setup_time_ms)


def _cold(figures: Figures, console: Console) -> dict[str, Action]:
    """Action of each live call by the worker's own code, with windows that have counted nothing before."""
    failures: list[Exception] = []
    settings = load_settings()
    pipeline = loaded(settings, failures.append, Console(quiet=True))
    found: dict[str, Action] = {}
    with step("Comparing with a cold start", console):
        lines = figures.sent.live
        parts = (lines[first : first + MAX_BATCH] for first in range(0, len(lines), MAX_BATCH))
        for _, batch in replayed(parts, pipeline, partitions=settings.partitions):
            calls = batch.screening.calls.column("call_id")
            found |= {call_id: batch.screening.outcome(row).action for row, call_id in enumerate(calls)}
    require_judged(failures)
    return found
