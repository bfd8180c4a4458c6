"""`robocall worker`: warm up, check what is needed, then run until told to stop."""

import contextlib
import socket
import sys
from collections.abc import Iterator

import click
import structlog
from prometheus_client import disable_created_metrics

from models.store.advice import without_credentials
from streams.errors import PortTaken
from streams.kafka.client import await_groups, require_topics
from streams.log import configure_log
from streams.running.services import Ending, new_event_loop, run
from streams.running.told_every import EVERY_S, told_every
from streams.running.used_cpu import used_cpu_s
from streams.screening.build import policy_of, require_contact
from streams.screening.policy_file import file_in_force
from streams.settings import Settings, load_settings
from streams.state.fleet_seed import fleet_seed
from streams.unknown_settings import unknown_keys
from streams.worker.assembly import TOPICS, build_app
from streams.worker.feedback import feedback_group
from streams.worker.warming import warm

log = structlog.get_logger(__name__)


def require_port(host: str, port: int) -> None:
    """Check that the pages can be served; a failure inside of the web server would be a page of traceback.

    Raises:
        PortTaken: somebody else listens there, or the address is not ours.
    """
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(address[0], socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address[4])
    except OSError as error:
        raise PortTaken(host, port, error) from error


@contextlib.contextmanager
def _told(what: str, **fields: str) -> Iterator[None]:
    """Log what goes on, at once and every few seconds; the processor time that it says grows while that gets on."""
    log.info(what, **fields)
    with told_every(EVERY_S, lambda _: log.info(what, cpu_s=used_cpu_s())):
        yield


def run_worker(settings: Settings) -> int:
    """Run a worker in this process; blocks until it is told to stop, or fails. Called once, in the main thread.

    Returns:
        Exit status: 0 after SIGTERM or SIGINT, 1 after a failure.

    Raises:
        RobocallError: it could not start; the message says what to do.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]  # one line per counter that nobody reads
    require_contact(policy_of(settings))
    loop = new_event_loop()
    ending = Ending()
    if settings.web_port:
        require_port(settings.web_host, settings.web_port)
    with _told("worker looks for its topics", brokers=settings.kafka_bootstrap_servers):
        loop.run_until_complete(require_topics(settings, TOPICS))
        loop.run_until_complete(await_groups(settings, (settings.consumer_group, feedback_group(settings))))
        assembly = build_app(settings, ending, loop.run_until_complete(fleet_seed(settings)))
    with _told("worker compiles, or loads what was compiled"):
        warm(assembly.screener.classifier)
    policy = assembly.screener.policy
    if settings.policy_file is not None and file_in_force(settings.policy_file) is None:
        log.warning("no policy was saved yet: the defaults decide", file=str(settings.policy_file))
    for complaint in policy.warnings():
        log.info(complaint)
    versions = assembly.screener.versions
    log.info(
        "worker starts",
        brokers=settings.kafka_bootstrap_servers,
        group=settings.consumer_group,
        redis=settings.redis_address,
        web=f"http://{settings.web_host}:{settings.web_port}" if settings.web_port else "off",
        model_version=versions.model_version,
        policy_version=versions.policy_version,
        mode=policy.treats(),
        snapshots=without_credentials(settings.snapshot_url),
    )
    status = run(assembly.app, assembly.services, ending, loop)
    log.info("worker ended", status=status)
    return status


@click.command()
@click.option("--web-port", type=click.IntRange(0, 65_535), help="Port of /metrics and /health; 0 turns them off.")
@click.option("--mode", type=click.Choice(["enforce", "shadow"]), help="Over whatever the policy says.")
def worker(web_port: int | None, mode: str | None) -> None:
    """Screen the calls of the configured Kafka until stopped.

    Needs the topics (`robocall topics create`) and nothing else: without Redis it decides with what it has. Start more
    of them to share the load; SIGTERM ends one cleanly. Settings are environment variables: docs/settings.md.
    """
    given = {"web_port": web_port, "mode": mode}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    configure_log(settings.log_level, settings.log_format)
    for complaint in unknown_keys():
        log.warning(complaint)
    sys.exit(run_worker(settings))
