"""Join the parts behind the pages, and serve them until a signal comes."""

import asyncio
import contextlib
import signal
import sys
import time
from dataclasses import dataclass

import structlog
from starlette.types import ASGIApp

from streams.archive.settings import ArchiveSettings
from streams.campaigns.follower import CampaignFollower
from streams.commands.child import run
from streams.commands.console.model_facts import model_facts
from streams.commands.doctor import examine
from streams.console.app import Console, Entrance
from streams.console.desk.about_acts import AboutActs
from streams.console.desk.acts import Acts
from streams.console.desk.campaign_pages import CampaignPages
from streams.console.desk.campaigns import CampaignMemory
from streams.console.desk.case_pages import CasePages
from streams.console.desk.questions import QuestionTables
from streams.console.desk.queues import Queues
from streams.console.desk.related_cases import RelatedCases
from streams.console.feed import Feed
from streams.console.live import LiveMemory
from streams.console.looks import Looks
from streams.console.oidc.client import Client, read_client
from streams.console.pages import Handlers
from streams.console.rendering import Pages
from streams.console.sessions import Sessions
from streams.console.settings import CONSOLE_PREFIX, ConsoleSettings
from streams.console.signing_in import SigningIn
from streams.console.steering.model import ModelPage
from streams.console.steering.policy import PolicyPage
from streams.console.steering.work import Work
from streams.console.subjects import Links
from streams.console.users import Users
from streams.console.visits import Visits
from streams.console.watching.fleet import Fleet
from streams.console.watching.history import HistoryPart
from streams.console.watching.upstreams import UpstreamsToCall
from streams.errors import SettingsInvalid
from streams.log import NumberDigest, configure_log
from streams.running.services import SWITCH_INTERVAL_S, Background, Part, new_event_loop
from streams.settings import Settings, load_settings
from streams.unknown_settings import unknown_keys
from streams.web.server import HttpServer

HOUR_S = 3_600

log = structlog.get_logger(__name__)


def serve() -> None:
    """Serve pages as the environment says until SIGINT or SIGTERM; it blocks.

    Raises:
        SettingsInvalid: a setting is wrong, or there are no users.
        PortTaken: somebody else listens there.
    """
    settings, chosen = load_settings(), ConsoleSettings.load()
    configure_log(settings.log_level, settings.log_format)
    for complaint in unknown_keys():
        log.warning(complaint)
    client = read_client(chosen)
    users = Users(chosen.users_file, others=client is not None)
    if chosen.host not in {"127.0.0.1", "::1", "localhost"} and chosen.tls_certfile is None:
        log.warning("passwords travel in plain: give it a certificate", setting=f"{CONSOLE_PREFIX}TLS_CERTFILE")
    with contextlib.closing(new_event_loop()) as loop:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        loop.run_until_complete(_serve(settings, chosen, users, client))


async def _serve(settings: Settings, chosen: ConsoleSettings, users: Users, client: Client | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    memory, campaigns = LiveMemory(chosen.kept_decisions, time.time), CampaignMemory(time.time)
    feed, follower = Feed(settings, memory), CampaignFollower(settings, campaigns.take)
    server = HttpServer(
        console_app(settings, chosen, users, Live(memory, feed, campaigns, follower), client),
        prefix=CONSOLE_PREFIX,
        host=chosen.host,
        port=chosen.port,
        certfile=chosen.tls_certfile,
        keyfile=chosen.tls_keyfile,
    )
    started: list[Part] = []
    try:
        parts: list[Part] = [server, feed, Background([("campaigns", follower.run)])]
        for part in parts:
            await part.start()
            started.append(part)
        log.info("console is up", pages=server.listens, brokers=settings.kafka_bootstrap_servers)
        await stop.wait()
    finally:
        for part in reversed(started):
            await part.stop()
    log.info("console ended")


@dataclass(frozen=True, slots=True)
class Live:
    """What is kept up to date behind the pages: decisions and campaigns, and what fills them."""

    memory: LiveMemory
    feed: Feed
    campaigns: CampaignMemory
    follower: CampaignFollower


def console_app(
    settings: Settings, chosen: ConsoleSettings, users: Users, live: Live, client: Client | None = None
) -> ASGIApp:
    """Join the parts behind the pages.

    Args:
        settings: how Kafka and Redis are reached.
        chosen: of the console.
        users: who may sign in.
        live: what was decided lately, and the campaigns.
        client: who we are to the provider that people may sign in with; None for local users alone.

    Raises:
        SettingsInvalid: there is such a provider, and the extra `oidc` is missing.
    """
    is_secure = chosen.tls_certfile is not None
    links = Links(users.secret)
    pages = Pages(links)
    configured = ArchiveSettings.load()
    archive = configured if "url" in configured.model_fields_set else None
    looks = Looks(settings, archive, chosen.archive_days)
    digest = NumberDigest(None if settings.log_key is None else settings.log_key.get_secret_value())
    sessions = Sessions(chosen.session_hours * HOUR_S, time.monotonic)
    provider = "" if client is None else client.provider
    signing_in = SigningIn(users, sessions, pages, is_secure=is_secure, provider=provider)
    entrance = None if client is None else _entrance(client, signing_in, users, is_secure=is_secure)
    visits, acts = Visits(pages, links, digest), Acts(settings)
    handlers = Handlers(visits, live.feed, live.memory, looks, acts)
    table = None if chosen.questions_file is None else QuestionTables(chosen.questions_file)
    desk = (
        CampaignPages(visits, live.campaigns, live.follower, live.memory, acts),
        AboutActs(visits, acts),
        CasePages(visits, settings, acts),
        RelatedCases(visits, settings, live.campaigns),
        Queues(visits, settings, acts, table, lambda: list(examine(settings))),
    )
    steering = (
        ModelPage(visits, lambda: model_facts(settings), Work("console model", run)),
        PolicyPage(visits, settings, live.memory, Work("console policy", run)),
    )
    watching = (
        Fleet(visits, settings),
        UpstreamsToCall(visits, archive),
        HistoryPart(visits, archive, chosen.archive_days),
    )
    more = [one.routes for one in (*watching, *desk, *steering)]
    return Console(signing_in, handlers, pages, more=more, is_secure=is_secure, entrance=entrance).app()


def _entrance(client: Client, signing_in: SigningIn, users: Users, *, is_secure: bool) -> Entrance:
    try:
        from streams.console.oidc.signing import by_provider  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise SettingsInvalid("sign-in by OpenID Connect needs: pip install '.[oidc]' in the checkout") from error
    return by_provider(client, signing_in, users, is_secure=is_secure).routes
