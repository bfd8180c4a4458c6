"""Traffic by any of its authors, block by block.

What callers do was written without sight of how the authors before generate and, by the second and the third, of what
models had been found to miss; their modules say what they share. A model that learnt the traffic of one author catches
little in that of another (docs/quality.md), so models learn from all of them.
"""

from collections.abc import Callable, Iterator

from detector.events import CallEvent, CallSetup
from models import elsewhere, otherwise
from models.dataset import ROBOCALL, Truth, batches
from models.elsewhere import Elsewhere
from models.otherwise import Otherwise
from models.traffic.generate import generate
from models.traffic.spec import TrafficSpec

Traffic = TrafficSpec | Elsewhere | Otherwise
"""What traffic to generate, by any author: `start_ms`, and `judged_ms` from which on its calls are learnt or judged."""
Block = tuple[list[CallEvent], list[Truth]]
"""Events in order of time, and what each call was that is set up among them."""

AUTHORS: dict[str, Callable[..., Traffic]] = {"second": elsewhere.drawn, "third": otherwise.drawn}
"""How a carrier of its own is drawn for a seed, by who wrote it; of the first author see `models.worlds`."""
_BLOCK_EVENTS = 16_384


def blocks(spec: Traffic) -> Iterator[Block]:
    """Generate traffic in blocks, events in time order within and across them."""
    if isinstance(spec, TrafficSpec):
        for block in generate(spec):
            told = [Truth(one.label == ROBOCALL, one.campaign, one.kind) for one in block.truths()]
            yield block.events(), told
        return
    events = elsewhere.generate(spec) if isinstance(spec, Elsewhere) else otherwise.generate(spec)
    for part in batches(events, _BLOCK_EVENTS):
        yield [event for event, _ in part], [truth for event, truth in part if isinstance(event, CallSetup)]
