"""`robocall verify`: raw set-ups of a topic get their verdict, and go on to `call-events`."""

import sys

import click
import structlog
from prometheus_client import disable_created_metrics

from streams.errors import SettingsInvalid, TopicMissing
from streams.kafka.client import await_groups, require_topics
from streams.kafka.topics import CALL_EVENTS
from streams.log import configure_log
from streams.running.metrics_page import served
from streams.running.services import Ending, new_event_loop, run
from streams.running.told_every import EVERY_S, told_every
from streams.settings import Settings, load_settings
from streams.trust.settings import TRUST_PREFIX, TrustSettings
from streams.trust.setup_verifier import SetupVerifier, make_setup_verifier
from streams.unknown_settings import unknown_keys
from streams.verifying.assembly import PartitionsDiffer, build_app
from streams.verifying.settings import VERIFY_PREFIX, VerifySettings

log = structlog.get_logger(__name__)


async def require_source(settings: Settings, topic: str) -> None:
    """Check that both topics exist, with the same number of partitions.

    Raises:
        TopicMissing: one of the contract's does not.
        SettingsInvalid: the one that is read does not.
        PartitionsDiffer: the numbers differ.
        RobocallError: no broker answers, or it refuses us.
    """
    of_events = (await require_topics(settings, [CALL_EVENTS]))[CALL_EVENTS]
    try:
        partitions = (await require_topics(settings, [topic]))[topic]
    except TopicMissing as error:
        raise SettingsInvalid(
            f"{VERIFY_PREFIX}TOPIC: the topic {topic} does not exist: make it with as many partitions as "
            f"{CALL_EVENTS} has, `{VERIFY_PREFIX}TOPIC={topic} robocall topics create --partitions {of_events}`"
        ) from error
    if partitions != of_events:
        raise PartitionsDiffer(topic, partitions, of_events)


def run_verify(settings: Settings, chosen: VerifySettings, verifier: SetupVerifier) -> int:
    """Verify in this process until told to stop. Called once, in the main thread.

    Returns:
        Exit status: 0 after SIGTERM or SIGINT, 1 after a failure.

    Raises:
        RobocallError: it could not start; the message says what to do.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]  # one line per counter that nobody reads
    loop, ending = new_event_loop(), Ending()
    with told_every(EVERY_S, lambda _: log.info("verify looks for its topics")):
        log.info("verify looks for its topics", brokers=settings.kafka_bootstrap_servers)
        loop.run_until_complete(require_source(settings, chosen.topic))
        loop.run_until_complete(await_groups(settings, [chosen.consumer_group]))
        made = build_app(settings, chosen, verifier, ending)
    with served(VERIFY_PREFIX, chosen.web_host, chosen.web_port, made.metrics, verifier.metrics):
        log.info("verify starts", reads=chosen.topic, writes=CALL_EVENTS, group=chosen.consumer_group)
        status = run(made.app, made.services, ending, loop)
    log.info("verify ended", status=status)
    return status


@click.command()
def verify() -> None:
    """Verify calls of switches that publish raw set-ups, and hand them on to the workers.

    \b
    A switch publishes each call_setup, with the Identity headers as they came, to a
    topic of its own. What is signed gets a verdict (own_verstat and so on); everything
    goes on to call-events, same key, same partition, same order.
    Whatever goes wrong, the call goes on: without a certificate in time as not_checked.

    \b
      ROBOCALL_TRUST_ANCHORS_URL   authorities that are trusted, a file or https:// [needed]
      ROBOCALL_VERIFY_TOPIC        topic of raw set-ups [default: unverified-calls]
      ROBOCALL_VERIFY_WAIT_MS      longest wait for a certificate [default: 50]
      ROBOCALL_VERIFY_WEB_PORT     port of the metrics [default: none]

    \b
    That topic needs as many partitions as call-events. Who sets ROBOCALL_VERIFY_TOPIC
    has it made by `robocall topics create`, and looked at by `topics check` and `doctor`.

    Start several to share the load; SIGTERM ends one cleanly. After a crash a record may
    go on twice, which workers notice. docs/signatures.md says more.
    """
    settings, chosen, trust = load_settings(), VerifySettings.load(), TrustSettings.load()
    configure_log(settings.log_level, settings.log_format)
    for complaint in unknown_keys():
        log.warning(complaint)
    verifier = make_setup_verifier(trust)
    if verifier is None:
        raise SettingsInvalid(f"{TRUST_PREFIX}ANCHORS_URL is not set: without authorities nothing can be verified")
    sys.exit(run_verify(settings, chosen, verifier))
