"""`robocall lookup`: what is known of a number, a trunk group or a call. It reads Redis, and needs no worker."""

from dataclasses import replace

import click

from streams.cases.recording import looked_up, record
from streams.cases.roles import Role, require
from streams.commands.shared.options import JSON_OPTION, in_json
from streams.commands.shared.redis_of_settings import with_redis
from streams.commands.shared.unmasking import Numbers, unmask_option
from streams.redis.lookups import Report, find
from streams.running.printable import printable
from streams.wire.cases import CaseKind


@click.command()
@click.argument("subject", metavar="NUMBER|TRUNK|DECISION_ID")
@unmask_option
@JSON_OPTION
def lookup(subject: str, *, numbers: Numbers, as_json: bool) -> None:
    """Say what is known and decided about a number, a trunk group or one call.

    \b
      robocall lookup +12025550123        lists, standing decision, latest decisions of a calling number
      robocall lookup trunk:nyc-ix-7      lists, standing decision, totals of a trunk group's windows
      robocall lookup 3f0c...             one decision by its id, as quoted in redress

    Ten digits are a North American number. What is neither a number nor a known decision is taken for a trunk group,
    and the answer says so; `number:` and `trunk:` make it clear. A call is found by its calling number. Decisions are
    kept for seven days; plain allows are not kept. Redis is the one in ROBOCALL_REDIS_URL.
    """
    require(Role.LOOK_UP)
    report: Report = with_redis(lambda redis: find(redis, subject))
    if report.is_missing:
        raise click.ClickException(f"no decision {subject}: ids are kept for seven days, plain allows are not kept")
    shown = replace(report, content=numbers.of(report.content))
    click.echo(in_json(shown.content) if as_json else "\n".join(map(printable, shown.lines())))
    whom, details = looked_up(report.content["kind"], report.content["subject"])
    record(CaseKind.LOOK_UP, "looked_up", subject=whom, details=details, why=numbers.why)
