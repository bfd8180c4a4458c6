"""`robocall release`: end what stands against a number or trunk group, and keep its next calls from being blocked."""

import asyncio
from datetime import UTC, datetime

import click

from detector.contract.errors import RobocallError
from detector.policy.lists import NUMBER_ENTITY, TRUNK_ENTITY
from detector.policy.standing import MODEL_SOURCE
from streams.cases.recording import record
from streams.cases.roles import Role, require
from streams.commands.shared.redis_of_settings import with_redis
from streams.kafka.publishing.entity_topic import publish_end
from streams.redis.connection import E164
from streams.redis.list_entries import TRUNK_ID
from streams.redis.releasing import Released
from streams.redis.releasing import release as release_in_redis
from streams.running.printable import printable
from streams.settings import load_settings
from streams.wire.cases import CaseKind

MAX_BY = 128


@click.command()
@click.argument("subject", metavar="NUMBER|trunk:ID")
@click.option("--by", required=True, help="Who releases; `robocall lookup` shows it.")
def release(subject: str, by: str) -> None:
    """End what stands against NUMBER or a trunk group, and take it off the block list.

    Workers follow within two seconds. They forget hysteresis and counted blocks of a number, and for
    ROBOCALL_RELEASE_GRACE_S, a day unless set, neither the model nor a rule blocks its calls: they label at most.
    Do-not-originate, orders, and blocks that a subscriber asked for hold all the same: an order stays on the block
    list. Needs Redis. Without Kafka, switches that keep the block are not told: run it again.

    \b
      robocall release +12025550123 --by "M. Lee, redress 311"
      robocall release trunk:nyc-ix-7 --by "M. Lee"
    """
    entity = _entity(subject.strip())
    if not 0 < len(by.strip()) <= MAX_BY or by.strip() == MODEL_SOURCE:
        raise click.UsageError(f"--by names a person, in at most {MAX_BY} characters")
    require(Role.GRANT)
    settings = load_settings()
    done: Released = with_redis(
        lambda redis: release_in_redis(redis, entity, by=by.strip(), grace_s=settings.release_grace_s)
    )
    until = datetime.fromtimestamp(done.until_ms / 1_000, UTC).isoformat(" ", "seconds")
    click.echo(printable(f"{subject}: ended {done.ended or 'nothing'}; analytics do not block it until {until}"))
    if done.ordered:
        click.echo(f"it stays on the block list by {done.ordered}: `robocall lists remove block` lifts that", err=True)
    try:
        asyncio.run(publish_end(settings, entity))
    except RobocallError:
        click.echo("workers follow; switches that cache standing decisions were not told: run it again", err=True)
        raise
    finally:
        details = {"by": by.strip(), "ended": done.ended, "until_ms": str(done.until_ms)}
        record(CaseKind.CHANGE, "released", subject=entity, details=details)


def _entity(subject: str) -> str:
    if E164.fullmatch(subject.removeprefix(NUMBER_ENTITY)):
        return NUMBER_ENTITY + subject.removeprefix(NUMBER_ENTITY)
    if subject.startswith(TRUNK_ENTITY) and TRUNK_ID.fullmatch(subject.removeprefix(TRUNK_ENTITY)):
        return subject
    raise click.UsageError(f"{subject!r} is neither +E.164 number nor trunk:ID, for instance +12025550123")
