"""`robocall simulate`: generated traffic with ground truth, to a file in no time or to Kafka in real time."""

import asyncio
import csv
import io
import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, BinaryIO, TextIO, cast

import click
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, UnknownTopicOrPartitionError
from rich.console import Console

from detector.contract.events import EARLIEST_TIME_MS, LATEST_TIME_MS, CallEvent, CallSetup
from models.traffic.first.generate import generate, live_events, live_spec
from models.traffic.first.slices import LabelRow, event_json
from models.traffic.first.spec import TrafficSpec
from models.traffic.first.world import Family, World
from models.traffic.fourth.generate import HISTORY_HOURS, FourthTraffic, drawn_share, told
from models.traffic.kinds import CAMPAIGN_KINDS, LAWFUL_KINDS
from models.traffic.span import DEFAULT_START_MS, HOUR_MS, after_hours
from models.traffic.truth import LEGITIMATE, ROBOCALL, Truth
from streams.commands.shared.distinct_files import require_distinct
from streams.errors import TopicMissing
from streams.files import open_output
from streams.kafka.client import why_unreachable
from streams.kafka.topics import CALL_EVENTS, admin_options
from streams.running.clock import wall_clock_ms
from streams.running.progress import Say, step
from streams.settings import Settings, load_settings
from streams.wire.records import encode

FIRST, FOURTH = "first", "fourth"
DEFAULT_CALLS_PER_SECOND = 20.0
DEFAULT_FOURTH_CALLS_PER_SECOND = 7.0
DEFAULT_EVENTS_PER_SECOND = 500.0
_WARM_UP_MS = 3_000  # time to draw the calls that are already in progress
_TICK_S = 0.002  # an event due sooner than this is sent at once
_EVENTS_BETWEEN_YIELDS = 64
_LONGEST_SPAN_MS = 367 * 24 * HOUR_MS
_LABEL_COLUMNS = ("call_id", "label", "campaign", "kind")


class LabelWriter:
    """Writes the truth of calls as CSV: `call_id`, `label`, `campaign`, `kind`."""

    def __init__(self, out: TextIO) -> None:
        self._csv = csv.writer(out, lineterminator="\n")
        self._csv.writerow(_LABEL_COLUMNS)

    def write(self, truths: list[LabelRow]) -> None:
        """Append calls."""
        self._csv.writerows(truths)


def open_labels(name: str | None, stack: ExitStack) -> LabelWriter | None:
    """A label file to write, packed as its name says; None for none."""
    if name is None:
        return None
    return LabelWriter(stack.enter_context(io.TextIOWrapper(open_output(name, stack), encoding="utf-8", newline="")))


def write_file(spec: TrafficSpec, out: BinaryIO, labels: LabelWriter | None, say: Say) -> tuple[int, int, int]:
    """Write a span of traffic and its truth. Returns the numbers of calls, robocalls and events."""
    calls = events = robocalls = 0
    for part in generate(spec):
        if len(part):
            out.write("\n".join(part.json_lines()).encode() + b"\n")
            events += len(part)
            say(f"{events:,} events", int(part.times_ms()[-1]) - spec.start_ms, spec.end_ms - spec.start_ms)
        truths = part.truths()
        calls += len(truths)
        robocalls += sum(truth.label == "robocall" for truth in truths)
        if labels:
            labels.write(truths)
    out.flush()
    return calls, robocalls, events


def write_fourth(
    spec: FourthTraffic, out: BinaryIO, labels: LabelWriter | None, feedback: BinaryIO | None, say: Say
) -> tuple[int, int, int]:
    """Write a span of the fourth author's traffic, its truth and what is said about it.

    Returns:
        The numbers of calls, robocalls and events.
    """
    calls = events = robocalls = 0
    for part in told(spec):
        out.write(b"".join(event_json(event) + b"\n" for event, _ in part.events))
        rows = [_label_row(event, truth) for event, truth in part.events if isinstance(event, CallSetup)]
        if labels:
            labels.write(rows)
        if feedback:
            feedback.write(b"".join(encode(one) + b"\n" for one in part.feedback))
        calls += len(rows)
        events += len(part.events)
        robocalls += sum(row.label == ROBOCALL for row in rows)
        say(f"{events:,} events", part.until_ms - spec.start_ms, spec.end_ms - spec.start_ms)
    out.flush()
    return calls, robocalls, events


def _label_row(event: CallEvent, truth: Truth) -> LabelRow:
    return LabelRow(event.call_id, ROBOCALL if truth.is_robocall else LEGITIMATE, truth.campaign, truth.kind)


@dataclass(slots=True)
class Sent:
    """What became of the published events so far."""

    events: int = 0
    failed: int = 0

    def note(self, delivery: "asyncio.Future[Any]") -> None:
        """Count a delivery that the broker answered or that was given up."""
        self.failed += delivery.cancelled() or delivery.exception() is not None


async def publish(
    settings: Settings, spec: TrafficSpec, *, seconds: float, labels: LabelWriter | None, sent: Sent, say: Say
) -> None:
    """Send live traffic to `call-events` when each event is due, whether or not the system keeps up (open loop).

    Args:
        settings: Where Kafka is.
        spec: A `live_spec`; its times are moved so that its first live instant is now.
        seconds: When to stop.
        labels: Where the truth goes.
        sent: Counts, kept up to date, so that they are right after an interrupt.
        say: Told how far it is.

    Raises:
        KafkaUnreachable: no broker answers.
        KafkaRefusedUs: one does, and refuses the password, the certificate or the protocol.
        TopicMissing: there is no topic `call-events`.
    """
    options = admin_options(settings)
    options.pop("bootstrap_timeout_ms")  # aiokafka does not know it
    producer = AIOKafkaProducer(**options, linger_ms=1, acks=1)
    try:
        await producer.start()
        if not await producer.partitions_for(CALL_EVENTS):
            raise TopicMissing([CALL_EVENTS])
        await _send_when_due(producer, spec, seconds=seconds, labels=labels, sent=sent, say=say)
    except KafkaConnectionError as error:
        raise await why_unreachable(settings) from error
    except UnknownTopicOrPartitionError as error:
        raise TopicMissing([CALL_EVENTS]) from error
    finally:
        await producer.stop()


async def _send_when_due(
    producer: AIOKafkaProducer,
    spec: TrafficSpec,
    *,
    seconds: float,
    labels: LabelWriter | None,
    sent: Sent,
    say: Say,
) -> None:
    begin_s = time.monotonic() + _WARM_UP_MS / 1_000
    traffic = live_events(spec, first_ms=wall_clock_ms() + _WARM_UP_MS)
    for due_s, event, truth in traffic:
        if due_s >= seconds:
            break
        wait_s = begin_s + due_s - time.monotonic()
        if wait_s > _TICK_S or sent.events % _EVENTS_BETWEEN_YIELDS == 0:
            await asyncio.sleep(max(0.0, wait_s))
            say(f"{sent.events:,} events", due_s, seconds)
        delivery = await producer.send(CALL_EVENTS, event_json(event), key=event.calling_number.encode())
        delivery.add_done_callback(sent.note)
        sent.events += 1
        if labels and truth:
            labels.write([truth])


def _start_ms(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(value)
        time_ms = round(instant.replace(tzinfo=instant.tzinfo or UTC).timestamp() * 1_000)
    except ValueError as error:
        raise click.BadParameter("write it like 2026-03-10T13:00, UTC unless it says otherwise") from error
    if not EARLIEST_TIME_MS <= time_ms < LATEST_TIME_MS - _LONGEST_SPAN_MS:
        raise click.BadParameter("has to lie between the years 2000 and 2099")
    return time_ms


def _list_scenarios(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        click.echo("\n".join(CAMPAIGN_KINDS))
        click.echo(f"lawful callers, always there: {', '.join(LAWFUL_KINDS)}", err=True)
        context.exit()


@click.command()
@click.option("--out", help="File for the events, one JSON record a line (.gz, .zst); `-` for standard output.")
@click.option("--labels", help="CSV file for the truth of every call (.gz, .zst).")
@click.option("--feedback", help="File for complaints, traps and tracebacks (.gz, .zst); with --author fourth.")
@click.option("--author", type=click.Choice([FIRST, FOURTH]), default=FIRST, show_default=True, help="Whose traffic.")
@click.option("--hours", type=click.FloatRange(0.001, 24 * 366), help="Length [default: 1; with --kafka: no end].")
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True, help="Same seed, same bytes.")
@click.option("--scenario", multiple=True, type=click.Choice(CAMPAIGN_KINDS), help="Campaign kind, repeatable [all].")
@click.option("--rate", type=click.FloatRange(0.01, 100_000), help="Lawful calls/s [20], of the fourth author all "
              "calls/s [7]; with --kafka events/s [500].")  # fmt: skip
@click.option("--start", callback=_start_ms, help="First instant, ISO 8601 [default: 2026-03-10T13:00Z].")
@click.option("--new-kinds", "new_kinds", callback=_start_ms,
              help="Hold some kinds of campaign back until then; with --author fourth [default: a day after --start].",
              )  # fmt: skip
@click.option("--world", type=click.IntRange(0, 2**31), help="Draw the figures of traffic that may differ elsewhere.")
@click.option("--held-out", is_flag=True, help="Draw them outside the ranges that models are trained on.")
@click.option("--kafka", is_flag=True, help="Publish to call-events in real time instead of writing a file.")
@click.option("--list-scenarios", is_flag=True, is_eager=True, expose_value=False, callback=_list_scenarios,
              help="Show the campaign kinds.")  # fmt: skip
def simulate(
    *,
    out: str | None,
    labels: str | None,
    feedback: str | None,
    author: str,
    hours: float | None,
    seed: int,
    scenario: tuple[str, ...],
    rate: float | None,
    start: int | None,
    new_kinds: int | None,
    world: int | None,
    held_out: bool,
    kafka: bool,
) -> None:
    """Generate traffic with ground truth: lawful calls, their bursts, and campaigns of robocalls among them.

    \b
    robocall simulate --out events.jsonl.zst --labels labels.csv --hours 6 --seed 7
    robocall simulate --out events.jsonl.zst --labels labels.csv --world 3
    robocall simulate --author fourth --hours 28 --seed 5 --out e.jsonl.zst --labels l.csv --feedback f.jsonl
    robocall simulate --kafka --rate 1000
    """
    _check_usage(
        is_fourth=author == FOURTH,
        kafka=kafka,
        for_first=bool(scenario or world is not None or held_out),
        for_fourth=bool(feedback or new_kinds is not None),
    )
    if kafka == (out is not None):
        raise click.UsageError("give either --out FILE or --kafka")
    if kafka and start is not None:
        raise click.UsageError("--kafka publishes in real time: leave --start out")
    if held_out and world is None:
        raise click.UsageError("--held-out says how to draw a world: give --world NUMBER too")
    require_distinct({}, {"--out": out, "--labels": labels, "--feedback": feedback})
    scenarios, first_ms = scenario or CAMPAIGN_KINDS, DEFAULT_START_MS if start is None else start
    with ExitStack() as stack:
        writer = open_labels(labels, stack)
        console = Console(stderr=True)
        if kafka:
            spec = live_spec(events_per_second=rate or DEFAULT_EVENTS_PER_SECOND, seed=seed, scenarios=scenarios)
            _run_live(_in_world(spec, world, held_out=held_out), hours, writer, console)
            return
        file = open_output(cast("str", out), stack)
        write: Callable[[Say], tuple[int, int, int]]
        if author == FOURTH:
            carrier = _fourth(seed, first_ms, hours or 1.0, rate, new_kinds)
            said = open_output(feedback, stack) if feedback else None
            write, more = partial(write_fourth, carrier, file, writer, said), _held_back(carrier)
        else:
            spec = TrafficSpec(
                start_ms=first_ms,
                hours=hours or 1.0,
                seed=seed,
                calls_per_second=rate or DEFAULT_CALLS_PER_SECOND,
                scenarios=scenarios,
            )
            write, more = partial(write_file, _in_world(spec, world, held_out=held_out), file, writer), ""
        with step("Simulating", console) as say:
            calls, robocalls, events = write(say)
    share = robocalls / max(1, calls)
    console.print(f"{events:,} events of {calls:,} calls, {share:.1%} robocalls, seed {seed}{more}", soft_wrap=True)


def _check_usage(*, is_fourth: bool, kafka: bool, for_first: bool, for_fourth: bool) -> None:
    """Refuse options of one author's traffic with the other author."""
    if is_fourth and (kafka or for_first):
        raise click.UsageError(
            "--author fourth writes a carrier drawn by --seed: leave out --kafka, --scenario, --world, --held-out"
        )
    if for_fourth and not is_fourth:
        raise click.UsageError("--feedback and --new-kinds are of the fourth author's traffic: give --author fourth")


def _fourth(seed: int, start_ms: int, hours: float, rate: float | None, new_kinds: int | None) -> FourthTraffic:
    """A carrier with its own share of robocalls; no part of the span is set apart as history."""
    return FourthTraffic(
        seed=seed,
        start_ms=start_ms,
        hours=hours,
        history_hours=0.0,
        calls_per_second=rate or DEFAULT_FOURTH_CALLS_PER_SECOND,
        robocall_share=drawn_share(seed),
        new_kinds_ms=after_hours(start_ms, HISTORY_HOURS) if new_kinds is None else new_kinds,
    )


def _held_back(spec: FourthTraffic) -> str:
    instant = datetime.fromtimestamp((spec.new_kinds_ms or 0) / 1_000, UTC)
    return f"; held back until {instant:%Y-%m-%dT%H:%MZ}: {', '.join(spec.carrier().later_kinds)}"


def _in_world(spec: TrafficSpec, number: int | None, *, held_out: bool) -> TrafficSpec:
    """Move traffic to a world; its rate, its length and how often campaigns start stay what they are."""
    if number is None:
        return spec
    world = World(Family.HELD_OUT if held_out else Family.TRAINING, number)
    return replace(spec, world=world, robocall_share=world.value("robocall_share"), trunks=world.count("trunks"))


def _run_live(spec: TrafficSpec, hours: float | None, labels: LabelWriter | None, console: Console) -> None:
    """Publish until the end or Ctrl-C; both end cleanly and say how much was sent."""
    # What aiokafka would say in many lines comes back as one error that says what to do.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    sent = Sent()
    seconds = (hours or spec.hours) * 3_600
    try:
        with step("Publishing", console) as say:
            asyncio.run(publish(load_settings(), spec, seconds=seconds, labels=labels, sent=sent, say=say))
    except KeyboardInterrupt:
        console.print("stopped")
    console.print(f"{sent.events:,} events sent to {CALL_EVENTS}, {sent.failed:,} of them not taken")
    if sent.failed:
        raise click.exceptions.Exit(1)
