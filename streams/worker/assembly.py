"""Where the parts of a worker are joined. Building connects to nothing; it reads policy and model."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from detector.policy.screening import Screener
from detector.windows import WindowEngine
from streams.kafka.agents.agent import add_agent
from streams.kafka.static_member import ends_when_replaced
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.running.services import Background, Ending, Part
from streams.settings import Settings
from streams.worker import pages
from streams.worker.ownership import Ownership
from streams.worker.parts.call_path import CallPath
from streams.worker.parts.followers import Followers
from streams.worker.parts.ground import Ground
from streams.worker.parts.watching import Watching

TOPICS = (CALL_EVENTS, CALL_DECISIONS)
"""What must exist before a worker starts."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """A worker's parts, joined.

    Attributes:
        app: the Faust application.
        services: what runs around it, in order of start.
        screener: windows, model, policy, lists.
    """

    app: Any
    services: list[Part]
    screener: Screener[WindowEngine]


def build_app(settings: Settings, ending: Ending, seed: int) -> Assembly:
    """Join the parts of a worker; call it with the event loop in place that will run them.

    Args:
        settings: of this worker.
        ending: told about the failure that must stop it; its `fail` is called on the event loop.
        seed: of all hashes, `streams.state.fleet_seed`.

    Returns:
        The Faust application and the services around it, to be run by `streams.running.services.run`: nothing is
        started yet.
    """
    ground = Ground.make(settings, ending, seed)
    followers = Followers.make(ground)
    path = CallPath.make(ground, followers)
    app, durability = ground.app, path.durability
    Ownership(CALL_EVENTS, durability.hand_over, durability.take_over, ground.health).follow(app)
    add_agent(app, ground.source, "screen_calls", path.screening(ground).screen, ending.fail)
    app.transport.plugs = path.plugs(ends_when_replaced(settings, ending.fail))
    watching = Watching.make(ground, followers, path)
    pages.add(app, path.metrics, watching.verdict)
    services = (path.tracer, path.publisher, path.side, Background(_jobs(followers, path, watching)))
    return Assembly(app, [part for part in services if part is not None], ground.screener)


def _jobs(followers: Followers, path: CallPath, watching: Watching) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
    """What runs beside the stream, in order of start."""
    runs = (
        path.exchange,
        followers.lists,
        followers.dno,
        followers.upstreams,
        followers.campaigns,
        path.keeper,
        followers.switch,
        followers.measures,
        watching.report,
        watching.reader,
        path.durability,
    )
    jobs = [(type(part).__name__, part.run) for part in runs if part is not None]
    return [*jobs, ("watch", watching.watch)]
