"""`python -m tests.integration.console.screenshots`: pictures of the main pages, of generated calls alone.

A broker, a Valkey, an archive, a registry and a browser of its own; generated calls of the last quarter of an hour are
judged by the shipped model, grouped to campaigns and published. Two workers are staged, with what they say of
themselves, and so are two questions of the model. It takes some four minutes.
"""

import argparse
import asyncio
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer
from msgspec.structs import replace
from PIL import Image
from rich.console import Console

from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import SHIPPED
from models.serve.weighing import with_group_weight
from models.store.promotions import Promotions
from models.store.registry import Registry
from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from models.watch.drift import PSI_ALARM
from streams.archive.files import ArchiveStore
from streams.campaigns.past import Past
from streams.campaigns.records import encoded, record_of
from streams.campaigns.settings import CampaignSettings
from streams.commands.demo.desk import invented_upstreams
from streams.commands.questions.asked import Asked
from streams.commands.questions.table import write_table
from streams.commands.replay import loaded, replayed
from streams.kafka import topics
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, CAMPAIGNS
from streams.local.services import local_services
from streams.redis.connection import connect
from streams.redis.worker_reports import ShareSeen, WorkerDrift, WorkerHealth, WorkerReport, tell
from streams.running.progress import step
from streams.settings import Settings, load_settings
from streams.upstreams.entries import save_upstreams
from tests.integration.console.console_stack import Stack, publish
from tests.integration.console.desk_stack import do, settled
from tests.integration.console.test_browser import opened, sign_in
from tests.streams.archive.archive_case import put

OUT = Path(__file__).parents[3] / "docs" / "console"
HOURS = 0.25
DAY_MS = 86_400_000
POLICY = """mode: enforce
redress: {url: "https://redress.carrier.example/"}
rules:
  - {name: flood, action: label, category: automated_call, when: [{feature: number_attempts_1m, at_least: 10}]}
overrides:
  - {trunk_group_id: hospital-3, mode: shadow}
"""
CHANGED = POLICY.replace("action: label", "action: block")
SIZE = {"width": 1440, "height": 1250}
COLOURS = 128
A_SECOND = 250
SHOWN_AFTER_S = 25
SEED = 7
OURSELVES = {"TRACEBACK_NAME": "Example Carrier LLC", "TRACEBACK_ZONE": "America/Denver"}
DRIFTS = (
    WorkerDrift(184_210, 0.041, 0.028, {"trunk_age": 0.3}, {"label_at": ShareSeen(0.011, 0.003, 0.032)}),
    WorkerDrift(201_877, 0.297, 0.064, {"trunk_surge_1h": 2.1}, {"label_at": ShareSeen(0.019, 0.003, 0.032)}),
)
QUESTIONS = [
    Asked(
        "number block +1312555 in trunk group chi-2", "38 calls", "their scores lie between 0.42 and 0.67", (), "",
        ("+13125550142 called +13125550187, 7 s", "+13125550119 called +13125550123, no answer"),
        tuple(f"block-{n}" for n in range(38)),
    ),
    Asked(
        "calling number +12025550123 by trunk group dal-1", "12 calls", "nobody has said anything of these", (), "",
        ("+12025550123 called +12145550160, 31 s",), tuple(f"caller-{n}" for n in range(12)),
    ),
]  # fmt: skip


def events() -> list[bytes]:
    """Generated events of the last quarter of an hour."""
    begin_ms = time.time_ns() // 1_000_000 - round(HOURS * DAY_MS / 24)
    slices = generate(TrafficSpec(start_ms=begin_ms, hours=HOURS, seed=SEED))
    return [line.encode() for block in slices for line in block.json_lines()]


def decisions(lines: Sequence[bytes], console: Console) -> list[bytes]:
    """What the shipped model and the policy make of them."""
    failures: list[Exception] = []
    pipeline = loaded(load_settings(partitions=1), failures.append, console)
    return [one for _, batch in replayed([lines], pipeline, partitions=1) for one in batch.answers.decisions]


def campaigns(lines: Sequence[bytes], values: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Key and record of the campaigns that these calls are."""
    past = Past(CampaignSettings.load())
    past.decisions(values)
    past.events(lines)
    for one in past.grouping.by_id.values():
        yield one.id.encode(), encoded(record_of(one, {}))


def prepared(folder: Path) -> Iterator[tuple[str, str]]:
    """Names and values of the settings of a registry with two models, a policy file, and places of this run.

    The questions of the model are in the folder, too.
    """
    registry = Registry(folder / "registry")
    shipped, _ = registry.add(SHIPPED, schema_id=FEATURE_SCHEMA_ID)
    grouped = with_group_weight(SHIPPED, folder / "grouped", 0.5, schema_id=FEATURE_SCHEMA_ID)
    registry.add(folder / "grouped", schema_id=FEATURE_SCHEMA_ID)
    Promotions(registry.store).promote(shipped.version, grouped.version, gate=[], forced_because="the first model")
    (folder / "policy.yaml").write_text(POLICY)
    yield "MODELS_URL", str(folder / "registry")
    yield "POLICY_FILE", str(folder / "policy.yaml")
    yield "ARCHIVE_URL", str(folder / "archive")
    save_upstreams(folder / "upstreams.yaml", invented_upstreams(SEED))
    with (folder / "questions.csv").open("wb") as out:
        write_table(QUESTIONS, out)
    yield "CASES_SPOOL", str(folder / "spool")
    yield "UPSTREAMS_FILE", str(folder / "upstreams.yaml")
    yield from OURSELVES.items()


async def taken(stack: Stack, values: Sequence[bytes], out: Path) -> None:
    """Look at the pages one after the other, as an operator would."""
    async with _fleet(load_settings()), stack.running() as pages, opened(viewport=SIZE) as (page, _):
        await sign_in(page, pages, "admin")
        await page.get_by_text("Kafka is read.").wait_for()
        traffic = asyncio.create_task(_publish(stack.bootstrap, values))
        await asyncio.sleep(SHOWN_AFTER_S)
        await _take(page, out / "now.png", "section:has(#suspect-title) tr:nth-child(6)")
        await _take_desk(page, out)
        await page.get_by_role("link", name="Model").click()
        await page.get_by_text("worker-2").first.wait_for()
        await _take(page, out / "model.png")
        await page.get_by_role("link", name="Policy").click()
        await page.get_by_label("Change it, and try it").fill(CHANGED)
        await page.get_by_role("button", name="Try it").click()
        await page.get_by_text("Save what was tried").wait_for()
        await _take(page, out / "policy.png", "#work")
        traffic.cancel()


async def _take_desk(page: Any, out: Path) -> None:
    """A number whose redress is opened, the largest campaign, a traceback of it, and what then waits."""
    judged = page.locator("tr", has_text=re.compile("(label|block) +by")).locator("td:nth-child(2) a")
    await judged.filter(has_text="••••").first.click()  # not one that is withheld, or impossible
    await settled(page)
    await _take(page, out / "number.png", "section:has(#live-title) tr:nth-child(8)")
    await do(page, "Open redress", "a clinic that reminds its patients")
    await page.get_by_text("answer within").first.wait_for()
    await page.get_by_role("link", name="Campaigns", exact=True).click()
    await page.locator("td a").first.click()
    await settled(page)
    await _take(page, out / "campaign.png")
    await do(page, "Open tracebacks", "the campaign of this morning")
    await page.get_by_text("Answers are due").wait_for()
    await _take(page, out / "case.png")
    await page.get_by_role("link", name="Queues").click()
    await settled(page)
    await _take(page, out / "queues.png")


async def _publish(bootstrap: str, values: Sequence[bytes]) -> None:
    """As many a second as can be seen, and the same ones again at the end."""
    while True:
        for begin in range(0, len(values), A_SECOND):
            await asyncio.to_thread(publish, bootstrap, *values[begin : begin + A_SECOND])
            await asyncio.sleep(1)


@asynccontextmanager
async def _fleet(settings: Settings) -> AsyncIterator[None]:
    """Stands in for two workers: their group has members, and both say how they do."""
    servers, group = settings.kafka_bootstrap_servers, settings.consumer_group
    members = [AIOKafkaConsumer(CALL_EVENTS, bootstrap_servers=servers, group_id=group) for _ in DRIFTS]
    saying = asyncio.create_task(_say(settings))
    try:
        for member in members:
            await member.start()
        yield
    finally:
        saying.cancel()
        for member in members:
            await member.stop()


async def _say(settings: Settings) -> None:
    client = connect(settings)
    version = Promotions(Registry(os.environ["ROBOCALL_MODELS_URL"]).store).active() or ""
    begun_ms, half = time.time_ns() // 1_000_000, settings.partitions // 2
    while True:
        for number, drift in enumerate(DRIFTS):
            read = {str(partition): 0 for partition in range(number * half, (number + 1) * half)}
            report = WorkerReport(f"worker-{number + 1}", version, begun_ms, health=WorkerHealth("ok", read))
            alarms = ("features",) if (drift.moved or 0) > PSI_ALARM else ()
            await tell(client, replace(report, drift=drift, alarms=alarms))
        await asyncio.sleep(5)


async def _take(page: Any, file: Path, last: str = "main") -> None:
    """A picture of few colours, which is small, down to the end of what a selector finds first, or of the page."""
    await page.wait_for_timeout(500)
    end = page.locator(last if await page.locator(last).count() else "main").first
    bottom = await end.evaluate("last => last.getBoundingClientRect().bottom + scrollY")
    clip = {"x": 0, "y": 0, "width": SIZE["width"], "height": bottom}
    picture = Image.open(BytesIO(await page.screenshot(full_page=True, clip=clip)))
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)


def made(out: Path) -> None:
    """Make the pictures in a folder."""
    console = Console(stderr=True)
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="carrier-")))
        services = stack.enter_context(local_services(configured=False, quiet=False))
        os.environ |= services.environment()
        os.environ |= {f"ROBOCALL_{name}": value for name, value in prepared(folder)}
        settings = load_settings()
        with topics.admin_client(settings) as admin:
            topics.create(admin, partitions=settings.partitions)
        with step("Generating calls", console):
            lines, at_ms = events(), time.time_ns() // 1_000_000 - 23 * 3_600_000
            put(ArchiveStore(str(folder / "archive")), CALL_EVENTS, lines, at_ms=at_ms)
        values = decisions(lines, console)
        put(ArchiveStore(str(folder / "archive")), CALL_DECISIONS, values, at_ms=at_ms)
        with step("Grouping calls", console):
            for name, value in campaigns(lines, values):
                publish(settings.kafka_bootstrap_servers, value, topic=CAMPAIGNS, key=name)
        with step("Taking pictures", console):
            asyncio.run(taken(Stack(settings, folder, questions_file=folder / "questions.csv"), values, out))
    console.print(f"pictures are in {out}")


def main() -> None:
    """Read the one argument."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.integration.console.screenshots",
        description="Make pictures of the console's main pages, of generated calls alone. It takes some four minutes.",
    )
    parser.add_argument("folder", type=Path, nargs="?", default=OUT, help="for the pictures [default: docs/console]")
    made(parser.parse_args().folder)


if __name__ == "__main__":
    main()
