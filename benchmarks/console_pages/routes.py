"""Every address of the console that is read, as the application itself has them: a page that is added is visited too.

Knows neither a server nor how long anything takes.
"""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.routing import Route

from streams.campaigns.follower import CampaignFollower
from streams.commands.console.serving import Live, console_app
from streams.console.app import SERVED, Headers
from streams.console.desk.campaigns import CampaignMemory
from streams.console.feed import Feed
from streams.console.live import LiveMemory
from streams.console.settings import ConsoleSettings
from streams.console.subjects import Links, Subject
from streams.console.users import Users
from streams.settings import load_settings

WAYS_ROUND = {"/": "it leads on to a page", "/health": "it needs no sign-in and looks at nothing"}
"""Not visited, and why."""
LINK, PLACE = "{link}", "{place}"
_LINKED = re.compile(r"^/(about|cases|campaigns)/([A-Za-z0-9_=-]{20,})")

Subjects = Mapping[str, Sequence[Subject]]
"""What pages are about, by the word that names it in a table: `number`, `redress`."""


@dataclass(frozen=True, slots=True)
class Address:
    """What is read.

    Attributes:
        name: with a word for its subject: `/about/{number}/redis`.
        path: as a browser asks for it.
    """

    name: str
    path: str


def routes_of() -> list[object]:
    """Routes of the application that `robocall console` makes by the settings in the environment."""
    settings, chosen = load_settings(), ConsoleSettings.load()
    memory, campaigns = LiveMemory(chosen.kept_decisions, time.time), CampaignMemory(time.time)
    follower = CampaignFollower(settings, campaigns.take)
    live = Live(memory, Feed(settings, memory), campaigns, follower)
    made = console_app(settings, chosen, Users(chosen.users_file), live)
    while isinstance(made, Headers):
        made = made.app
    if not isinstance(made, Starlette):
        raise SystemExit("wrong run: the console is wrapped into something that hides its routes")
    return list(made.routes)


def read_routes(routes: Iterable[object]) -> list[str]:
    """Paths of the routes that are read, but for `WAYS_ROUND`."""
    paths = {one.path for one in routes if isinstance(one, Route) and "GET" in (one.methods or ())}
    return sorted(paths - WAYS_ROUND.keys())


def addresses(path: str, links: Links, subjects: Subjects) -> list[Address]:
    """Addresses of a route; of one whose last part is a place of a page none: the page names it.

    Args:
        path: of the route.
        links: of the console.
        subjects: of its pages.

    Raises:
        SystemExit: it has a part that nobody here knows.
    """
    if path == "/assets/{name}":
        return [Address(path, f"/assets/{name}") for name in SERVED]
    if LINK in path:
        room, rest = path.split(LINK)
        made = [] if PLACE in rest else [
            Address(f"{room}{{{word}}}{rest}", links.path(one) + rest)
            for word, several in subjects.items()
            for one in several
            if links.path(one).startswith(room)
        ]  # fmt: skip
        path = rest.replace(PLACE, "")
    else:
        made = [Address(path, path)]
    if "{" in path:
        raise SystemExit(f"wrong run: nobody knows what to read at {path}")
    return made


def named(path: str, links: Links, subjects: Subjects) -> Address:
    """Name an address that a page loads by itself."""
    bare = path.partition("?")[0]
    found = _LINKED.match(bare)
    subject = links.subject(found[2]) if found else None
    if found is None or subject is None:
        return Address(bare, path)
    word = next((word for word, several in subjects.items() if subject in several), subject.kind.value)
    return Address(f"/{found[1]}/{{{word}}}{bare[found.end() :]}", path)


def unread(paths: Iterable[str], read: Iterable[str]) -> list[str]:
    """Routes of which no address was read.

    Args:
        paths: of the routes.
        read: addresses, without what follows a question mark.
    """
    seen = [one.partition("?")[0] for one in read]
    patterns = {path: re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))) for path in paths}
    return [path for path, pattern in patterns.items() if not any(pattern.fullmatch(one) for one in seen)]
