"""`robocall console`: pages for people, in a process of its own beside the stream."""

import asyncio
import contextlib
import signal
import sys
import time

import click
import structlog
from starlette.types import ASGIApp

from streams.archive.settings import load_archive_settings
from streams.commands.console.users import user
from streams.console.app import Console
from streams.console.feed import Feed
from streams.console.live import LiveMemory
from streams.console.looks import Looks
from streams.console.pages import Handlers
from streams.console.rendering import Pages
from streams.console.sessions import Sessions
from streams.console.settings import CONSOLE_PREFIX, ConsoleSettings, load_console_settings
from streams.console.signing_in import SigningIn
from streams.console.subjects import Links
from streams.console.users import Users
from streams.log import NumberDigest, configure_log
from streams.running.services import SWITCH_INTERVAL_S, Part, new_event_loop
from streams.settings import Settings, load_settings
from streams.unknown_settings import unknown_keys
from streams.web.server import HttpServer

HOUR_S = 3_600

log = structlog.get_logger(__name__)


@click.group(invoke_without_command=True)
@click.pass_context
def console(context: click.Context) -> None:
    """Serve pages for people: what goes on now, and what is known of a number, a call, a decision, a trunk group.

    \b
      robocall console user add ada --role admin   the first user; asks for a password
      robocall console                             http://127.0.0.1:8090

    It reads Kafka, Redis and, where ROBOCALL_ARCHIVE_URL is set, the archive. It decides nothing and changes nothing.

    \b
      ROBOCALL_CONSOLE_HOST          address [default: 127.0.0.1]
      ROBOCALL_CONSOLE_PORT          port [default: 8090]
      ROBOCALL_CONSOLE_USERS_FILE    who may sign in [default: console-users.json]
      ROBOCALL_CONSOLE_TLS_CERTFILE  certificate of HTTPS, with ..._KEYFILE [default: none]

    Numbers are masked; roles that may see them whole say why, and the log keeps it. docs/console.md says more.
    """  # noqa: D301 - click reads the backspace
    if context.invoked_subcommand is not None:
        return
    settings, chosen = load_settings(), load_console_settings()
    configure_log(settings.log_level, settings.log_format)
    for complaint in unknown_keys():
        log.warning(complaint)
    users = Users(chosen.users_file)
    if chosen.host not in {"127.0.0.1", "::1", "localhost"} and chosen.tls_certfile is None:
        log.warning("passwords travel in plain: give it a certificate", setting=f"{CONSOLE_PREFIX}TLS_CERTFILE")
    with contextlib.closing(new_event_loop()) as loop:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        loop.run_until_complete(_serve(settings, chosen, users))


console.add_command(user)


async def _serve(settings: Settings, chosen: ConsoleSettings, users: Users) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    memory = LiveMemory(chosen.kept_decisions, time.time)
    feed = Feed(settings, memory)
    server = HttpServer(
        console_app(settings, chosen, users, memory, feed),
        prefix=CONSOLE_PREFIX,
        host=chosen.host,
        port=chosen.port,
        certfile=chosen.tls_certfile,
        keyfile=chosen.tls_keyfile,
    )
    started: list[Part] = []
    try:
        parts: list[Part] = [server, feed]
        for part in parts:
            await part.start()
            started.append(part)
        log.info("console is up", pages=server.listens, brokers=settings.kafka_bootstrap_servers)
        await stop.wait()
    finally:
        for part in reversed(started):
            await part.stop()
    log.info("console ended")


def console_app(settings: Settings, chosen: ConsoleSettings, users: Users, memory: LiveMemory, feed: Feed) -> ASGIApp:
    """Join the parts behind the pages.

    Args:
        settings: how Redis is reached.
        chosen: of the console.
        users: who may sign in.
        memory: what was decided lately.
        feed: fills it.
    """
    is_secure = chosen.tls_certfile is not None
    links = Links(users.secret)
    pages = Pages(links)
    archive = load_archive_settings()
    looks = Looks(settings, archive if "url" in archive.model_fields_set else None, chosen.archive_days)
    digest = NumberDigest(None if settings.log_key is None else settings.log_key.get_secret_value())
    signing_in = SigningIn(users, Sessions(chosen.session_hours * HOUR_S, time.monotonic), pages, is_secure=is_secure)
    handlers = Handlers(pages, links, feed, memory, looks, digest)
    return Console(signing_in, handlers, pages, is_secure=is_secure).app()
