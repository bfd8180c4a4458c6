"""A console with something on each of its pages, and what an act would change of it."""

import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from detector.features.table import FEATURE_SCHEMA_ID
from models.store.registry import Registry
from streams.archive.files import ArchiveStore
from streams.console.roles import Role
from streams.console.subjects import Kind, Subject
from streams.kafka.topics import CALL_EVENTS
from streams.wire.cases import CaseKind
from tests.integration.console.desk_stack import published_campaign, stack_of
from tests.integration.console.test_steering import CURVE, ENFORCING, FLOOD
from tests.models.small_model import save_small_model
from tests.streams.archive.archive_case import put
from tests.streams.commands.budgets import lawful_calls
from tests.streams.console.desk.desk_case import DESK_CALLER, Desk, MakeDesk

HOUR_MS = 3_600_000
OF_BURST = 2
"""Partition of the archive that has a burst of calls, which the policy that is tried would block."""


class Everything:
    """A console with something on each of its pages.

    Args:
        desk: has the redress case and the traceback already.
        folder: for the files of the console.
    """

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk, self.folder = desk, folder
        begin_ms = time.time_ns() // 1_000_000 - HOUR_MS
        burst = [line.encode() for _, line in lawful_calls.burst(begin_ms)]
        put(ArchiveStore(str(folder / "archive")), CALL_EVENTS, burst, partition=OF_BURST, at_ms=begin_ms)
        call = desk.archived_calls(1)[0]
        decision = desk.known_decision(41)
        desk.send(Role.OPERATOR, desk.path(Kind.DECISION, decision), "/redress", reason="a clinic", contact="")
        desk.send(Role.INVESTIGATOR, desk.path(Kind.CALL, call), "/traceback", reason="car warranty")
        (redress,), (traceback,) = desk.cases(CaseKind.REDRESS), desk.cases(CaseKind.TRACEBACK)
        self.stack = stack_of(desk, folder)
        self.subjects = {
            "number": Subject(Kind.NUMBER, DESK_CALLER),
            "trunk": Subject(Kind.TRUNK, "nyc-ix-7"),
            "call": Subject(Kind.CALL, call),
            "decision": Subject(Kind.DECISION, decision),
            "campaign": Subject(Kind.CAMPAIGN, published_campaign(desk, 30).id),
            "redress": Subject(Kind.CASE, redress.case_id),
            "traceback": Subject(Kind.CASE, traceback.case_id),
        }

    def places(self) -> list[str]:
        """Addresses of all pages that forms may stand on."""
        plain = ("/now", "/campaigns?within=all", "/queues", "/model", "/policy")
        return [*plain, *(self.stack.links.path(subject) for subject in self.subjects.values())]

    def address(self, path: str, place: str) -> str:
        """Of a page or form of the table, about the place."""
        subject = self.subjects.get(place)
        link = "" if subject is None else self.stack.links.link(subject)
        return path.replace("{link}", link).replace("{place}", "redis")

    def state(self) -> dict[str, object]:
        """What an act would change: everything in Valkey, the end of each topic, and the files."""
        keys = sorted(self.desk.redis.scan_iter())
        files = [self.folder / "policy.yaml", self.folder / "questions.csv", *(self.folder / "registry").rglob("*")]
        return {
            **{str(key): self.desk.redis.dump(key) for key in keys},
            **_ends(self.desk.settings.kafka_bootstrap_servers),
            **{str(file): file.read_bytes() for file in files if file.is_file()},
        }


def _ends(bootstrap: str) -> dict[str, object]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "nobody"})
    topics = consumer.list_topics().topics.values()
    parts = [TopicPartition(one.topic, part) for one in topics if one.topic[0] != "_" for part in one.partitions]
    found: dict[str, object] = {
        f"{part.topic} {part.partition}": consumer.get_watermark_offsets(part)[1] for part in parts
    }
    consumer.close()
    return found


def everything_on(make_desk: MakeDesk, folder: Path, patch: pytest.MonkeyPatch) -> Everything:
    """Everything, with a registry of one model and a policy file."""
    Registry(folder / "registry").add(save_small_model(folder / "own", curve=CURVE), schema_id=FEATURE_SCHEMA_ID)
    (folder / "policy.yaml").write_text(ENFORCING)
    for name, file in {"MODELS_URL": "registry", "MODEL_DIR": "own", "POLICY_FILE": "policy.yaml"}.items():
        patch.setenv(f"ROBOCALL_{name}", str(folder / file))
    return Everything(make_desk(), folder)


async def tries_a_policy(page: Any, base: str) -> None:
    """Whoever is signed in tries a policy, so that there is a trial to see, and something to save."""
    await page.goto(f"{base}/policy")
    await page.get_by_label("Change it, and try it").fill(ENFORCING + FLOOD)
    await page.get_by_role("button", name="Try it").click()
    await page.get_by_role("heading", name="allow now, block then: 31 calls").wait_for()
    await page.get_by_text("Save what was tried").wait_for()
