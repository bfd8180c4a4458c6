"""`robocall demo`: the whole system on one machine, with nothing installed but Python.

Starts Apache Kafka and Valkey on loopback (or uses those that the settings name), a worker process, and generated
traffic in real time; shows decisions as another program reads them; stops everything it started, in every case.
"""

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import Iterator

import click
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from rich.console import Console
from rich.live import Live

from models.traffic.first.generate import generate
from models.traffic.first.slices import TrafficSlice
from models.traffic.first.spec import TrafficSpec
from models.traffic.span import HOUR_MS
from streams.commands.demo.view import Figures, in_one_line, live, summary
from streams.commands.demo.worker import running_worker
from streams.errors import DemoFailed
from streams.files import private_folder
from streams.kafka.client import client_settings
from streams.kafka.temporary_group import partitions_of, temporary_group
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, admin_client, create, create_secret
from streams.local.services import LocalServices, local_services
from streams.running.progress import step
from streams.running.told_every import EVERY_S, told_every
from streams.settings import load_settings
from streams.wire.records import DECISION_DECODER, EVENT_DECODER

PARTITIONS = 4
LEAD_MS = 1_500
SLICE_MS = 250
SETTLE_S = 5.0
PATIENT = {"ROBOCALL_DECISION_DEADLINE_MS": "5000", "ROBOCALL_SHED_AFTER_MS": "4000"}
"""A laptop that has just compiled everything would let calls pass that nobody waits for here."""


@click.command()
@click.option("--seconds", type=click.FloatRange(3, 3_600), default=30.0, show_default=True, help="How long to run.")
@click.option("--rate", type=click.FloatRange(10, 5_000), default=300.0, show_default=True, help="Calls per second.")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Seed of the generated traffic.")
def demo(seconds: float, rate: float, seed: int) -> None:
    """Run the whole system here: broker, store, worker, traffic; watch decisions; compare them with the truth.

    The first run downloads Apache Kafka (44 MB). Where ROBOCALL_KAFKA_BOOTSTRAP_SERVERS or ROBOCALL_REDIS_URL is set,
    that service is used instead, and gets the demo's calls and decisions. Ctrl-C at any time stops everything and shows
    the summary so far.

    No switch waits here, so an answer may take 5 s unless ROBOCALL_DECISION_DEADLINE_MS says otherwise; the summary
    says how many calls were decided within 250 ms, the default of a worker.
    """
    console = Console(stderr=True)
    figures = Figures()
    with (
        local_services(configured=True) as services,
        _environment(services.environment()),
        _topics_and_group(services, console) as own,
        _environment(own),
        running_worker(console) as worker,
    ):
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_watch(figures, worker, seconds=seconds, rate=rate, seed=seed, console=console))
        if worker.poll() is not None:
            raise DemoFailed(f"the worker ended with status {worker.returncode}")
    console.print(summary(figures))


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
                "ROBOCALL_ENFORCE_UNMEASURED": "demo: nobody is called here, and seconds of traffic measure nothing",
                "ROBOCALL_REDRESS_URL": "https://redress.invalid/",  # nobody is called, so nobody complains
                "ROBOCALL_SNAPSHOT_URL": str(private_folder()),
                **({} if PATIENT.keys() & os.environ.keys() else PATIENT),
            }


@contextlib.contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def _watch(
    figures: Figures,
    worker: "subprocess.Popen[bytes]",
    *,
    seconds: float,
    rate: float,
    seed: int,
    console: Console,
) -> None:
    clients = client_settings(load_settings())
    consumer = AIOKafkaConsumer(CALL_DECISIONS, auto_offset_reset="latest", **clients)
    producer = AIOKafkaProducer(acks=1, **clients)
    async with consumer, producer:
        await consumer.seek_to_end()  # before anything is sent: older decisions are not ours to count
        reader = asyncio.create_task(_read(consumer, figures))
        sender = asyncio.create_task(_send(producer, figures, seconds=seconds, rate=rate, seed=seed))
        began = time.monotonic()
        try:
            with (
                _lines(figures, seconds, console),
                Live(live(figures, elapsed_s=0, seconds=seconds), console=console, refresh_per_second=4) as table,
            ):
                while worker.poll() is None and not reader.done():
                    await asyncio.sleep(0.25)
                    elapsed = time.monotonic() - began
                    table.update(live(figures, elapsed_s=elapsed, seconds=seconds))
                    if sender.done() and (figures.decided >= figures.sent_calls or elapsed > seconds + SETTLE_S):
                        break
            for task in (sender, reader):
                if task.done():
                    task.result()
        finally:
            for task in (sender, reader):
                task.cancel()
            await asyncio.gather(sender, reader, return_exceptions=True)


@contextlib.contextmanager
def _lines(figures: Figures, seconds: float, console: Console) -> Iterator[None]:
    """Figures now and then where there is no terminal, on which a table could live."""
    if console.is_terminal:
        yield
        return

    def tell(elapsed_s: float) -> None:
        console.print(in_one_line(figures, elapsed_s=elapsed_s, seconds=seconds), soft_wrap=True, highlight=False)

    console.print("Sending calls")
    with told_every(EVERY_S, tell):
        yield


async def _read(consumer: AIOKafkaConsumer, figures: Figures) -> None:
    async for record in consumer:
        decision = DECISION_DECODER.decode(record.value)
        if decision.call_id in figures.truths:  # on a configured cluster other calls are decided too
            figures.add(decision, time.time() * 1e3 - decision.setup_time_ms)


async def _send(producer: AIOKafkaProducer, figures: Figures, *, seconds: float, rate: float, seed: int) -> None:
    """Send each event at its own time: calls now are generated for now, so `setup_time_ms` is the intended instant."""
    start_ms = round(time.time() * 1e3) + LEAD_MS
    spec = TrafficSpec(
        start_ms=start_ms,
        hours=seconds * 1e3 / HOUR_MS,
        seed=seed,
        calls_per_second=rate * 0.92,
        rhythm=False,
        warm=True,
        slice_ms=SLICE_MS,
    )
    slices = await asyncio.to_thread(lambda: iter(generate(spec)))
    end_ms = start_ms + seconds * 1e3
    while (part := await asyncio.to_thread(next, slices, None)) is not None:
        if not await _send_slice(producer, part, figures, end_ms):
            return


async def _send_slice(producer: AIOKafkaProducer, part: TrafficSlice, figures: Figures, end_ms: float) -> bool:
    figures.truths.update((truth.call_id, truth) for truth in part.truths())
    times = part.times_ms().tolist()
    lines = [line.encode() for line in part.json_lines()]
    for line, due_ms in zip(lines, times, strict=True):
        if due_ms >= end_ms:
            return False
        if (wait_s := due_ms / 1e3 - time.time()) > 0:
            await asyncio.sleep(wait_s)
        event = EVENT_DECODER.decode(line)
        await producer.send(CALL_EVENTS, value=line, key=event.calling_number.encode())
        figures.sent_calls += b'"type":"call_setup"' in line
    return True
