"""The demo's desk: archive, campaigns and console beside the worker, and a user who may do everything.

Each is the command of that name in a process of its own. The providers are invented: those of the generated trunk
groups, and the demo itself.
"""

import contextlib
import os
import secrets
import shutil
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from models.traffic.first.actors import build_network
from models.traffic.first.spec import TrafficSpec
from streams.archive.settings import ARCHIVE_PREFIX
from streams.campaigns.settings import CAMPAIGNS_PREFIX
from streams.cases.settings import CASES_PREFIX
from streams.commands.demo.processes import HERE, Running, running, wait_until
from streams.console.passwords import hash_password
from streams.console.roles import Role
from streams.console.settings import CONSOLE_PREFIX, ConsoleSettings
from streams.console.users import Account, new_users, write_users
from streams.errors import DemoFailed
from streams.files import private_folder
from streams.local.services import free_ports, port_accepts
from streams.running.clock import utc_today
from streams.running.progress import step
from streams.settings import PREFIX
from streams.traceback.settings import TRACEBACK_PREFIX
from streams.upstreams.entries import Registration, State, Upstream, UpstreamRole, save_upstreams
from streams.upstreams.settings import UPSTREAMS_PREFIX

USER = "demo"
ARCHIVE, CAMPAIGNS, CONSOLE = "archive run", "campaigns run", "console"
FLUSH_S = 5
"""Calls are in the archive so soon, to be traced; a carrier waits for fuller files."""
NAME, ZONE = "Demo Network LLC", "America/Denver"


class Desk(NamedTuple):
    """What people need, prepared before anything runs.

    Attributes:
        settings: environment of every process of the demo.
        ports: that archive, campaigns and console answer on, by their commands.
        password: of the user `USER`.
    """

    settings: Mapping[str, str]
    ports: Mapping[str, int]
    password: str

    @property
    def address(self) -> str:
        """Where the console is."""
        return f"http://{HERE}:{self.ports[CONSOLE]}"

    @property
    def invitation(self) -> str:
        """The same for people, and how to sign in."""
        return f"Console: {self.address}  name: {USER}  password: {self.password}"


def prepared_desk(seed: int, model: Path) -> Desk:
    """Write the files that the desk needs into a folder of this process, and choose its ports.

    Args:
        seed: of the traffic, whose trunk groups the register of upstreams names.
        model: folder of the one that decides: the desk has a registry of its own with it.
    """
    folder, password, wanted = private_folder(), secrets.token_urlsafe(12), ConsoleSettings.load().port
    shutil.copytree(model, folder / "models" / model.name)
    write_users(folder / "users.json", new_users().with_account(Account(USER, Role.ADMIN, hash_password(password))))
    save_upstreams(folder / "upstreams.yaml", invented_upstreams(seed))
    archive, campaigns, other = free_ports(3)
    is_free = wanted and not port_accepts(wanted)
    settings = {
        f"{PREFIX}NAME_CAMPAIGNS": "true",
        f"{PREFIX}MODELS_URL": str(folder / "models"),  # what is promoted here is not promoted anywhere else
        f"{ARCHIVE_PREFIX}URL": str(folder / "archive"),
        f"{ARCHIVE_PREFIX}FLUSH_S": str(FLUSH_S),
        f"{ARCHIVE_PREFIX}NUMBER_KEY": "",  # by digests nobody finds a call
        f"{CASES_PREFIX}SPOOL": str(folder / "cases"),
        f"{UPSTREAMS_PREFIX}FILE": str(folder / "upstreams.yaml"),
        f"{TRACEBACK_PREFIX}NAME": NAME,
        f"{TRACEBACK_PREFIX}ZONE": ZONE,
        f"{CONSOLE_PREFIX}USERS_FILE": str(folder / "users.json"),
        f"{CONSOLE_PREFIX}QUESTIONS_FILE": "",  # those are about calls of others
        f"{CONSOLE_PREFIX}HOST": HERE,
        f"{CONSOLE_PREFIX}TLS_CERTFILE": "",
        f"{CONSOLE_PREFIX}TLS_KEYFILE": "",
    }
    return Desk(settings, {ARCHIVE: archive, CAMPAIGNS: campaigns, CONSOLE: wanted if is_free else other}, password)


def invented_upstreams(seed: int) -> list[Upstream]:
    """Name a provider behind each trunk group of the traffic; the upper half of them is wholesale."""
    network, today = build_network(TrafficSpec(seed=seed)), utc_today()
    retail = len(network.trunk_ids) // 2
    return [
        Upstream(
            trunk_group_id=trunk,
            legal_name=f"Example Voice {ocn} LLC",
            role=UpstreamRole.ORIGINATING if place < retail else UpstreamRole.INTERMEDIATE,
            ocn=ocn,
            country="US",
            contact=f"traceback@voice-{ocn}.example",
            traceback_clause=True,
            reviewed_date=today,
            registration=Registration(state=State.LISTED, as_of=today),
        )
        for place, (trunk, ocn) in enumerate(zip(network.trunk_ids, network.trunk_ocns, strict=True))
    ]


@contextlib.contextmanager
def running_desk(desk: Desk, console: Console) -> Iterator[list[Running]]:
    """Run the three with the settings of this process while the block runs; they are ready when the block begins.

    Where there is a desktop, its browser opens the console.

    Raises:
        DemoFailed: one ended, or got on no more; the message is its own last line.
    """
    settings = {ARCHIVE: f"{ARCHIVE_PREFIX}WEB_PORT", CAMPAIGNS: f"{CAMPAIGNS_PREFIX}WEB_PORT"}
    with tempfile.TemporaryDirectory(prefix="robocall-demo-") as folder, contextlib.ExitStack() as stack:
        begun = [
            (name, stack.enter_context(running(name, Path(folder), {setting: str(desk.ports[name])}, console)))
            for name, setting in settings.items()
        ]
        with step("Starting the console", console) as say:
            pages = stack.enter_context(running_console(desk.ports[CONSOLE], Path(folder), console, say))
            for name, (process, log) in begun:
                wait_until(name, partial(port_accepts, desk.ports[name]), process.poll, log, say)
        desk = desk._replace(ports={**desk.ports, CONSOLE: pages.port})
        console.print(desk.invitation, soft_wrap=True, highlight=False, markup=False)
        if sys.platform == "darwin" or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
            webbrowser.open(desk.address)
        yield [*(Running(name, process, desk.ports[name]) for name, (process, _) in begun), pages]


@contextlib.contextmanager
def running_console(wanted: int, folder: Path, console: Console, say: Callable[[str], None]) -> Iterator[Running]:
    """Run a console with the settings of this process while the block runs; it is ready when the block begins.

    Its own log says that it is: on a port that was free a moment ago another demo's console may answer by now.

    Args:
        wanted: Its port; where somebody has taken it meanwhile, another one is.
        folder: For its log.
        console: Where warnings of its log are shown afterwards.
        say: Gets what it does.

    Raises:
        DemoFailed: it ended for another reason, or got on no more; the message is its own last line.
    """
    for port in (wanted, *free_ports(1)):
        place = folder / str(port)
        place.mkdir()
        with running(CONSOLE, place, {f"{CONSOLE_PREFIX}PORT": str(port)}, console) as (process, log):
            try:
                wait_until(CONSOLE, partial(_is_up, log), process.poll, log, say)
            except DemoFailed:
                if port != wanted or not port_accepts(port):
                    raise
                continue
            yield Running(CONSOLE, process, port)
            return


def _is_up(log: Path) -> bool:
    return b'"console is up"' in log.read_bytes()
