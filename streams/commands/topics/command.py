"""`robocall topics`: the topics of the contract and those that are used beside them are created, or checked."""

import sys

import click

from streams.kafka.topics import FLEET_SECRET, TOPICS, Topic, admin_client, check, create, create_secret
from streams.running.progress import step
from streams.settings import MAX_PARTITIONS, load_settings
from streams.verifying.raw_topic import raw_topic_in_use


@click.group()
def topics() -> None:
    """Create the topics of the contract, or say what is wrong with them.

    \b
    With ROBOCALL_VERIFY_TOPIC also the topic of that name, which `robocall verify` reads.
    """


_partitions = click.option(
    "--partitions",
    type=click.IntRange(1, MAX_PARTITIONS),
    help="Partitions of each topic; default: ROBOCALL_PARTITIONS. The upper limit of workers.",
)


@topics.command("create")
@_partitions
@click.option(
    "--replication-factor", type=click.IntRange(1, 32), help="Copies of each record; default: the cluster's own."
)
def create_command(partitions: int | None, replication_factor: int | None) -> None:
    """Create the topics that are missing. Existing ones stay as they are; running it twice is fine."""
    settings, used = load_settings(), _used()
    count = partitions or settings.partitions
    with step("Creating topics", quick=True), admin_client(settings) as admin:
        created = create(admin, partitions=count, replication_factor=replication_factor, wanted=used)
        created += create_secret(admin, settings, replication_factor=replication_factor)
        complaints = check(admin, partitions=count, wanted=used)
    click.echo(f"created: {', '.join(created)}" if created else "all topics exist", err=True)
    for complaint in complaints:
        click.echo(f"warning: {complaint}", err=True)


@topics.command("check")
@_partitions
def check_command(partitions: int | None) -> None:
    """Say what is wrong with the topics, one line each; exit status 1 when something is."""
    settings = load_settings()
    with step("Looking at the topics", quick=True), admin_client(settings) as admin:
        complaints = check(admin, partitions=partitions or settings.partitions, wanted=_used())
        if FLEET_SECRET.name not in admin.list_topics():
            complaints.append(f"{FLEET_SECRET.name} is missing: run `robocall topics create`")
    for complaint in complaints:
        click.echo(complaint)
    if complaints:
        sys.exit(1)
    click.echo("all topics are as they should be", err=True)


def _used() -> tuple[Topic, ...]:
    """Those of the contract, and that of raw set-ups where it is used."""
    raw = raw_topic_in_use()
    return TOPICS if raw is None else (*TOPICS, raw)
