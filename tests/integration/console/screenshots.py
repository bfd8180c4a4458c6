"""`python -m tests.integration.console.screenshots`: pictures of the main pages, of generated calls alone.

A broker, a Valkey, an archive, a registry and a browser of its own; generated calls of the last quarter of an hour are
judged by the shipped model and published. What two workers say of themselves is staged. It takes some three minutes.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from rich.console import Console

from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import SHIPPED
from models.serve.weighing import with_group_weight
from models.store.promotions import Promotions
from models.store.registry import Registry
from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from streams.archive.files import ArchiveStore
from streams.commands.replay import loaded, replayed
from streams.kafka import topics
from streams.kafka.topics import CALL_EVENTS
from streams.local.services import local_services
from streams.redis.connection import connect
from streams.redis.worker_reports import WorkerReport, tell
from streams.running.progress import step
from streams.settings import load_settings
from tests.integration.console.console_stack import Stack, publish
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
SIZE = {"width": 1200, "height": 1250}
COLOURS = 128
A_SECOND = 250
SHOWN_AFTER_S = 25


def events() -> list[bytes]:
    """Generated events of the last quarter of an hour."""
    begin_ms = time.time_ns() // 1_000_000 - round(HOURS * DAY_MS / 24)
    slices = generate(TrafficSpec(start_ms=begin_ms, hours=HOURS, seed=7))
    return [line.encode() for block in slices for line in block.json_lines()]


def decisions(lines: Sequence[bytes], console: Console) -> list[bytes]:
    """What the shipped model and the policy make of them."""
    failures: list[Exception] = []
    pipeline = loaded(load_settings(partitions=1), failures.append, console)
    return [one for _, batch in replayed([lines], pipeline, partitions=1) for one in batch.answers.decisions]


def prepared(folder: Path) -> Iterator[tuple[str, str]]:
    """Names and values of the settings of a registry with two models, a policy file, and places of this run."""
    registry = Registry(folder / "registry")
    shipped, _ = registry.add(SHIPPED, schema_id=FEATURE_SCHEMA_ID)
    grouped = with_group_weight(SHIPPED, folder / "grouped", 0.5, schema_id=FEATURE_SCHEMA_ID)
    registry.add(folder / "grouped", schema_id=FEATURE_SCHEMA_ID)
    Promotions(registry.store).promote(shipped.version, grouped.version, gate=[], forced_because="the first model")
    (folder / "policy.yaml").write_text(POLICY)
    yield "MODELS_URL", str(folder / "registry")
    yield "POLICY_FILE", str(folder / "policy.yaml")
    yield "ARCHIVE_URL", str(folder / "archive")
    yield "CASES_SPOOL", str(folder / "spool")


async def taken(stack: Stack, values: Sequence[bytes], out: Path) -> None:
    """Look at the pages one after the other, as an operator would."""
    async with stack.running() as pages, opened(viewport=SIZE) as (page, _):
        await sign_in(page, pages, "admin")
        await page.get_by_text("Kafka is read.").wait_for()
        traffic = asyncio.create_task(_publish(stack.bootstrap, values))
        await asyncio.sleep(SHOWN_AFTER_S)
        await _take(page, out / "now.png")
        await page.locator("td a").first.click()
        await page.get_by_text("Standing decision").wait_for()
        await _take(page, out / "number.png")
        await _say_what_runs()
        await page.get_by_role("link", name="Model").click()
        await page.get_by_text("worker-2").wait_for()
        await _take(page, out / "model.png")
        await page.get_by_role("link", name="Policy").click()
        await page.get_by_label("Change it, and try it").fill(CHANGED)
        await page.get_by_role("button", name="Try it").click()
        await page.get_by_text("Save what was tried").wait_for()
        await page.locator("#work").scroll_into_view_if_needed()
        await _take(page, out / "policy.png")
        traffic.cancel()


async def _publish(bootstrap: str, values: Sequence[bytes]) -> None:
    """As many a second as can be seen, and the same ones again at the end."""
    while True:
        for begin in range(0, len(values), A_SECOND):
            await asyncio.to_thread(publish, bootstrap, *values[begin : begin + A_SECOND])
            await asyncio.sleep(1)


async def _say_what_runs() -> None:
    client = connect(load_settings())
    version = Promotions(Registry(os.environ["ROBOCALL_MODELS_URL"]).store).active() or ""
    now_ms = time.time_ns() // 1_000_000
    await tell(client, WorkerReport("worker-1", version, now_ms))
    await tell(client, WorkerReport("worker-2", version, now_ms, alarms=("features",)))
    await client.aclose()


async def _take(page: Any, file: Path) -> None:
    """A picture of few colours, which is small."""
    await page.wait_for_timeout(500)
    picture = Image.open(BytesIO(await page.screenshot()))
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)


def main(out: Path) -> None:
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
            topics.create(admin, partitions=4)
        with step("Generating calls", console):
            lines = events()
            put(
                ArchiveStore(str(folder / "archive")),
                CALL_EVENTS,
                lines,
                at_ms=time.time_ns() // 1_000_000 - 23 * 3_600_000,
            )
        values = decisions(lines, console)
        with step("Taking pictures", console):
            asyncio.run(taken(Stack(settings, folder), values, out))
    console.print(f"pictures are in {out}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else OUT)
