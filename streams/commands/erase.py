"""`robocall erase`: take a phone number out of what keeps it for long, and say where it stays and until when."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import click
from rich.console import Console

from detector.contract.errors import RobocallError
from detector.contract.numbers import naming, written_forms
from detector.features.window_constants import HOUR_MS
from detector.policy.lists import NUMBER_ENTITY
from streams.archive.erasing import erase as erase_archived
from streams.archive.files import ArchiveStore
from streams.archive.numbers import NumberKey
from streams.archive.settings import ARCHIVED, ArchiveSettings
from streams.cases.recording import looked_up, record
from streams.cases.roles import Role, require
from streams.commands.cases.command import with_cases
from streams.commands.shared.redis_of_settings import with_redis
from streams.kafka.publishing.entity_topic import publish_end
from streams.kafka.topics import CAMPAIGNS, CASE_RECORDS, ENTITY_DECISIONS, TOPICS, Topic
from streams.redis.connection import E164
from streams.redis.erasing import erase as erase_in_redis
from streams.redis.erasing import lists_with
from streams.running.progress import step
from streams.settings import Settings, load_settings
from streams.wire.cases import Case, CaseKind
from streams.wire.records import encode

DAY_H = 24


class OnHold(RobocallError):
    """A legal hold keeps what is about the number, or nobody can tell whether one does."""


@dataclass(frozen=True, slots=True)
class Done:
    """What one place had of the number.

    Attributes:
        place: for people.
        erased: keys, records or rows that went, or would go.
        problem: why the place could not be dealt with; empty when it was.
    """

    place: str
    erased: int = 0
    problem: str = ""


@click.command()
@click.argument("number")
@click.option("--dry-run", is_flag=True, help="Only count what would be erased.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def erase(number: str, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Take NUMBER, +12025550123, out of Redis, the archive and entity-decisions.

    Erased: decisions for look-ups, what stands about the number, and each archived record in which it stands as
    caller, as called number or in a text; also as a switch writes it without + or country code. The rest is said:
    topics keep it until their retention ends, workers and their snapshots until 25 hours after its last call, 28 days
    after it where days are remembered. Carrier's lists, files that were exported and models are not touched. It needs
    the role grant, and --dry-run the role look_up.

    Nothing is erased while a case on legal hold names the number, so it needs Kafka.

    \b
      robocall erase +12025550123 --dry-run
      robocall erase +12025550123 --yes
    """
    if not E164.fullmatch(number):
        raise click.UsageError(f"{number!r} is no number in E.164: +12025550123")
    require(Role.LOOK_UP if dry_run else Role.GRANT)
    settings, chosen = load_settings(), ArchiveSettings.load()
    _require_no_hold(number)
    if not dry_run and not yes:
        click.confirm(f"Erase {number} for good?", abort=True, err=True)
    console = Console(stderr=True)
    done: list[Done] = []
    for place, work in _steps(settings, chosen, number, dry_run=dry_run):
        with step(f"Looking through {place}", console, quick=True):
            done.append(_tried(place, work))
    _tell(number, done, dry_run=dry_run, as_json=as_json)
    if not dry_run:
        whom, details = looked_up("number", number)
        record(CaseKind.CHANGE, "erased", subject=whom, details=details)
    if any(one.problem for one in done):
        raise click.exceptions.Exit(1)


def _require_no_hold(number: str) -> None:
    """Refuse where a case on legal hold names the number: in any of its forms, or by the digest of one."""
    forms = written_forms(number)
    pattern = re.compile(naming(forms))
    digests = {looked_up("number", form)[0] for form in forms} - {"number"}

    def keeps(case: Case) -> bool:
        return case.is_held and (case.subject in digests or bool(pattern.search(encode(case).decode())))

    try:
        held = with_cases(lambda store: store.cases(keeps), "Looking for legal holds")
    except RobocallError as error:
        raise OnHold(f"nothing is erased, a legal hold may keep it and cases cannot be read: {error}") from error
    if held:
        case, more = held[0].case_id, f" and {len(held) - 1:,} more" if held[1:] else ""
        raise OnHold(
            f"nothing is erased, case {case}{more} on legal hold names it: end that with "
            f"`robocall cases hold {case} --end --why TEXT` first"
        )


def _steps(
    settings: Settings, chosen: ArchiveSettings, number: str, *, dry_run: bool
) -> Iterator[tuple[str, Callable[[], int]]]:
    yield "Redis", lambda: with_redis(lambda redis: erase_in_redis(redis, number, dry_run=dry_run))
    if not dry_run:
        yield f"topic {ENTITY_DECISIONS}", lambda: asyncio.run(_forget_in_topic(settings, number))
    for topic in ARCHIVED:
        yield f"archive of {topic}", partial(_erase_archived, chosen, topic, number, dry_run=dry_run)


def _tried(place: str, work: Callable[[], int]) -> Done:
    try:
        return Done(place, work())
    except (RobocallError, OSError) as error:
        return Done(place, problem=str(error))


def _erase_archived(chosen: ArchiveSettings, topic: str, number: str, *, dry_run: bool) -> int:
    secret = chosen.number_key
    key = NumberKey(secret.get_secret_value()) if secret else None
    return sum(gone for _, gone in erase_archived(ArchiveStore(chosen.url), topic, number, key, dry_run=dry_run))


async def _forget_in_topic(settings: Settings, number: str) -> int:
    """Let compaction forget what was decided about the number."""
    await publish_end(settings, NUMBER_ENTITY + number)
    return 1


def _tell(number: str, done: list[Done], *, dry_run: bool, as_json: bool) -> None:
    named = _lists(number)
    remains = {topic.name: _until(topic) for topic in TOPICS}
    if as_json:
        places = [{"place": one.place, "erased": one.erased, "problem": one.problem or None} for one in done]
        on_lists = list(dict.fromkeys(name for name, _ in named))
        click.echo(json.dumps({"dry_run": dry_run, "places": places, "on_lists": on_lists, "remains": remains}))
        return
    for one in done:
        verb = "would be erased" if dry_run else "erased"
        click.echo(f"{one.place}: " + (f"not done, {one.problem}" if one.problem else f"{one.erased:,} {verb}"))
    for name, entry in named:
        click.echo(f"list {name}: names it; `robocall lists remove {name} {entry}`")
    for topic, until in remains.items():
        click.echo(f"topic {topic}: {until}")
    click.echo("workers and their snapshots: until 25 hours after its last call; 28 days where days are remembered")


def _lists(number: str) -> list[tuple[str, str]]:
    try:
        return with_redis(lambda redis: lists_with(redis, number))
    except (RobocallError, OSError):
        return []  # said by the step before


def _until(topic: Topic) -> str:
    if topic.name == CASE_RECORDS:
        return "cases that name it, until `robocall cases prune` after their retention: records of who did what"
    if topic.name == CAMPAIGNS:
        return "until each campaign with calls of it is forgotten, ROBOCALL_CAMPAIGNS_KEEP_DAYS after its last call"
    if topic.retention_ms is None:
        return "until compaction, after the null that was published"
    hours = topic.retention_ms // HOUR_MS
    span = f"{hours // DAY_H} days" if hours % DAY_H == 0 else f"{hours} hours"
    return f"until its retention ends, {span} after the record"
