"""`robocall doctor`: what is reachable, which versions, what is misconfigured - and what to do about it."""

from __future__ import annotations

import asyncio
import json
import platform
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click
import redis
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from detector.columns.hashing import name_of
from detector.contract.errors import RobocallError
from detector.features.table import FEATURE_SCHEMA_ID
from models.serve import artifact
from streams.archive.doctor import archived
from streams.cases import doctor as cases
from streams.commands.cases.due import DUE
from streams.commands.exposure import clock_complaint, exposures
from streams.commands.models import doctor as model_doctor
from streams.commands.shared import recent_events
from streams.errors import KafkaUnreachable
from streams.kafka import fleet_secret, topics
from streams.metrics import Metric
from streams.numbers.doctor import listed
from streams.redis.bounded import MAX_NAME_BYTES
from streams.redis.connection import ACTIVE_MODEL, tls_options
from streams.running.progress import step
from streams.screening.build import policy_of
from streams.screening.policy_file import file_in_force
from streams.settings import Settings, load_settings
from streams.trust.doctor import kept_lists
from streams.trust.settings import TrustSettings
from streams.unknown_settings import unknown_keys
from streams.upstreams.doctor import known_upstreams
from streams.verifying.doctor import raw_calls

LIBRARIES = ("faust-streaming", "mode-streaming", "aiokafka", "numba", "numpy", "msgspec", "scikit-learn", "redis")
CONNECT_TIMEOUT_SECONDS = 2.0
OLDEST_REDIS = (6, 2)
KEPT_LISTS = "workers keep those that they have"


class State(StrEnum):
    """Of one thing looked at. Only `broken` makes the exit status 1."""

    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and a sentence: what was found or what to do."""

    subject: str
    state: State
    text: str


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything that a worker with these settings needs, most basic first."""
    yield _versions()
    yield from _variables()
    yield from _kafka(settings)
    yield from _redis(settings)
    yield from (Finding("security", State.WARNING, complaint) for complaint in exposures(settings))
    yield _guarded("model", lambda: _model(settings))
    yield from _promoted(settings)
    yield from _of_room("assigned codes", lambda: model_doctor.codes(settings), "a worker does not start without them")
    yield from _budgets(settings)
    yield from _alarms(settings)
    yield from _policy(settings)
    yield from _of_room("dno lists", lambda: listed(settings.numbers_url, settings.signing), KEPT_LISTS)
    yield from _of_room("trust", lambda: kept_lists(TrustSettings.load()), "signed calls go on without a verdict")
    yield from _of_room("upstreams", known_upstreams, "no decision depends on it")
    yield from _archive()
    yield _scratch()


def _guarded(subject: str, look: Callable[[], str]) -> Finding:
    """Turn an error that says what to do into a finding."""
    try:
        return Finding(subject, State.OK, look())
    except (RobocallError, OSError) as error:
        return Finding(subject, State.BROKEN, str(error))


def _versions() -> Finding:
    found = []
    for name in ("robocall-detector", *LIBRARIES):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            return Finding("software", State.BROKEN, f"{name} is not installed: pip install robocall-detector again")
    return Finding("software", State.OK, f"Python {platform.python_version()}, {', '.join(found)}")


def _variables() -> Iterator[Finding]:
    for complaint in unknown_keys():
        yield Finding("settings", State.WARNING, complaint)


def _kafka(settings: Settings) -> Iterator[Finding]:
    servers = settings.kafka_bootstrap_servers
    if not any(_listens(server) for server in settings.kafka_servers):  # the client would try again for 10 s
        yield Finding("kafka", State.BROKEN, str(KafkaUnreachable(servers)))
        return
    try:
        with topics.admin_client(settings) as admin:
            cluster = admin.describe_cluster()
            brokers = len(cluster["brokers"])
            yield Finding("kafka", State.OK, f"{servers}: {brokers} broker(s), cluster {cluster['cluster_id']}")
            yield from _topics(topics.check(admin, partitions=settings.partitions))
            yield _secret(settings)
            yield from _recent(settings)
            yield from _cases(settings)
        yield from _of_room("verify", lambda: raw_calls(settings), "raw set-ups wait in their topic")
    except RobocallError as error:
        yield Finding("kafka", State.BROKEN, str(error))


def _listens(server: str) -> bool:
    host, _, port = server.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT_SECONDS):
            return True
    except OSError:
        return False


def _topics(complaints: list[str]) -> Iterator[Finding]:
    for complaint in complaints:
        # A worker cannot start without its topics; a wrong setting of one is for the operator to judge.
        is_missing = " is missing" in complaint
        yield Finding("topics", State.BROKEN if is_missing else State.WARNING, complaint)
    if not complaints:
        yield Finding("topics", State.OK, f"{len(topics.TOPICS)} topics are as they should be")


def _secret(settings: Settings) -> Finding:
    """Without it a worker takes its copy, or the public seed: it decides all the same, so this is a warning."""
    try:
        secret = asyncio.run(fleet_secret.read(settings))
    except fleet_secret.SecretUnknown as error:
        return Finding("fleet secret", State.WARNING, f"{error}; without it numbers can be chosen that cost much")
    return Finding("fleet secret", State.OK, f"seed {name_of(fleet_secret.seed_of(secret))}")


def _recent(settings: Settings) -> Iterator[Finding]:
    """Look at recent call events: where they stand, and whether calls end; silent where all is well."""
    try:
        events = asyncio.run(recent_events.read(settings))
    except (KafkaError, OSError) as error:
        yield Finding("call events", State.WARNING, f"recent ones cannot be read: {type(error).__name__}")
        return
    for subject, complaint in (
        ("partitioner", recent_events.misplaced(events)),
        ("call ends", recent_events.endless(events)),
    ):
        if complaint is not None:
            yield Finding(subject, State.WARNING, complaint)


def _cases(settings: Settings) -> Iterator[Finding]:
    """Look at redress, tracebacks and records; calls are decided without them, so nothing here is broken."""
    try:
        for is_well, sentence in cases.told(settings, DUE):
            yield Finding("cases", State.OK if is_well else State.WARNING, sentence)
    except (RobocallError, OSError) as error:
        yield Finding("cases", State.WARNING, str(error))


def _redis(settings: Settings) -> Iterator[Finding]:
    """Look at Redis; a worker goes on without it, so nothing here is worse than a warning."""
    consequence = (
        "workers go on with trunk_view: local and the lists that they know; one that knows none lets every call pass"
    )
    try:
        with _redis_client(settings) as client:
            server = client.info("server")
            asked_s, (seconds, microseconds), answered_s = time.time(), client.time(), time.time()
            theirs_s, where = seconds + microseconds / 1e6, settings.redis_address
            off = clock_complaint(asked_s, theirs_s, answered_s, where, settings.clock_bound_s)
    except (redis.RedisError, OSError) as error:
        yield Finding("redis", State.WARNING, f"{settings.redis_address} does not answer ({error}): {consequence}")
        return
    name = "Valkey" if "valkey_version" in server else "Redis"
    found = str(server.get("valkey_version") or server["redis_version"])
    if tuple(int(part) for part in found.split(".")[:2]) < OLDEST_REDIS:
        yield Finding("redis", State.WARNING, f"{name} {found} is older than 6.2: {consequence}")
    else:
        yield Finding("redis", State.OK, f"{settings.redis_address}: {name} {found}")
    if off:
        yield Finding("clock", State.WARNING, off)


def _redis_client(settings: Settings) -> redis.Redis:
    return redis.Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=CONNECT_TIMEOUT_SECONDS,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        **tls_options(settings),
    )


def _model(settings: Settings) -> str:
    folder = settings.model_dir or artifact.SHIPPED
    model = artifact.load(folder, schema_id=FEATURE_SCHEMA_ID, signing=settings.signing)
    return f"{model.version} for features {model.schema_id}, from {folder}"


def _promoted(settings: Settings) -> Iterator[Finding]:
    """Look at the model that was promoted; workers keep theirs when it cannot serve, so nothing here is broken."""
    sentence, complaints = model_doctor.promoted(settings, _told(settings))
    if sentence:
        yield Finding("promotion", State.OK, sentence)
    for complaint in complaints:
        yield Finding("promotion", State.WARNING, complaint)


def _budgets(settings: Settings) -> Iterator[Finding]:
    """Say what the model's step goes by; a worker that only tries its model does its work, so nothing is broken."""
    try:
        state, sentence = model_doctor.enforced(settings)
    except (RobocallError, OSError) as error:
        yield Finding("budgets", State.WARNING, f"{error}; workers keep what they go by")
        return
    is_wanted = policy_of(settings).does_enforce
    is_silent = state in {"tried", "labels"}
    yield Finding("budgets", State.WARNING if is_wanted and is_silent else State.OK, f"{state}: {sentence}")


def _told(settings: Settings) -> str | None:
    """Name of the model that Redis tells workers; None where it tells none, or does not answer."""
    try:
        with _redis_client(settings) as client:
            name: Any = client.getrange(ACTIVE_MODEL, 0, MAX_NAME_BYTES)
    except (redis.RedisError, OSError):
        return None
    return name.decode("utf-8", "replace") or None


def _alarms(settings: Settings) -> Iterator[Finding]:
    """Say how the models of the workers do."""
    try:
        raised = model_doctor.alarms(settings)
    except RobocallError as error:
        yield Finding("watch", State.WARNING, f"{error}; so nobody here knows which alarms workers raise")
        return
    if raised is None:
        yield Finding("watch", State.OK, f"no worker tells Redis of its model: its alarms are {Metric.MODEL_ALARM}")
        return
    for sentence in raised:
        yield Finding("watch", State.WARNING, f"{sentence}. Calls of `robocall simulate` and the demo raise alarms too")
    if not raised:
        yield Finding("watch", State.OK, "no worker raises an alarm about its model")


def _policy(settings: Settings) -> Iterator[Finding]:
    try:
        policy = policy_of(settings)
    except (RobocallError, OSError) as error:
        yield Finding("policy", State.BROKEN, str(error))
        return
    source = file_in_force(settings.policy_file)
    found = f"{policy.version}, mode {policy.treats()}, from {source or 'the shipped default'}"
    if source is None and settings.policy_file is not None:
        yield Finding("policy", State.WARNING, f"{found}: nobody has saved {settings.policy_file} yet")
    else:
        yield Finding("policy", State.OK, found)
    for complaint in policy.warnings():
        yield Finding("policy", State.BROKEN if policy.does_enforce else State.WARNING, complaint)


def _of_room(subject: str, look: Callable[[], Iterator[tuple[bool, str]]], meanwhile: str) -> Iterator[Finding]:
    """Pass on what a room says of its own; calls pass whatever it is, so nothing of it is broken."""
    try:
        for is_well, sentence in look():
            yield Finding(subject, State.OK if is_well else State.WARNING, sentence)
    except (RobocallError, OSError) as error:
        yield Finding(subject, State.WARNING, f"{error}; {meanwhile}")


def _archive() -> Iterator[Finding]:
    """Look at the archive, where one is configured; workers do not need it, so nothing here is broken."""
    try:
        sentence = archived()
    except (RobocallError, OSError) as error:
        yield Finding("archive", State.WARNING, str(error))
        return
    if sentence is not None:
        yield Finding("archive", State.OK, sentence)


def _scratch() -> Finding:
    """Look whether temporary files can be written, as several libraries do."""
    try:
        with tempfile.TemporaryFile():
            return Finding("disk", State.OK, f"{tempfile.gettempdir()} can be written")
    except OSError as error:
        return Finding("disk", State.BROKEN, f"no temporary folder can be written ({error}): set TMPDIR")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output: status and findings.")
def doctor(as_json: bool) -> None:
    """Say what is reachable, which versions run, what is misconfigured.

    Exit status 1 when something that a worker needs is broken. Redis is not needed: without it workers go on with
    their own share of the trunks.
    """
    with step("Looking at everything", quick=True):
        findings = list(_settings_or_complaint())
    broken = any(finding.state is State.BROKEN for finding in findings)
    if as_json:
        status = max((finding.state for finding in findings), key=list(State).index)
        click.echo(json.dumps({"status": status, "findings": [asdict(finding) for finding in findings]}, indent=1))
    else:
        Console(stderr=True).print(_table(findings))
    if broken:
        sys.exit(1)


def _settings_or_complaint() -> Iterator[Finding]:
    try:
        settings = load_settings()
    except RobocallError as error:
        yield Finding("settings", State.BROKEN, str(error))
        return
    yield from examine(settings)


def _table(findings: list[Finding]) -> Table:
    styles = {State.OK: "green", State.WARNING: "yellow", State.BROKEN: "bold red"}
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        table.add_row(Text(finding.state, style=styles[finding.state]), finding.subject, Text(finding.text))
    return table
