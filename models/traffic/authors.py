"""Traffic by any of its authors, block by block.

What callers do was written without sight of how the authors before generate and, by the second and the third, of what
models had been found to miss; their modules say what they share. A model that learnt the traffic of one author catches
little in that of another (docs/quality.md), so models learn from all of them.
"""

from collections.abc import Callable, Iterator

from detector.contract.events import CallEvent, CallSetup
from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from models.traffic.second import generate as second
from models.traffic.second.generate import Elsewhere
from models.traffic.third import generate as third
from models.traffic.third.generate import Otherwise
from models.traffic.truth import ROBOCALL, Truth, batches

Traffic = TrafficSpec | Elsewhere | Otherwise
"""What traffic to generate, by any author: `start_ms`, and `judged_ms` from which on its calls are learnt or judged."""
Block = tuple[list[CallEvent], list[Truth]]
"""Events in order of time, and what each call was that is set up among them."""

AUTHORS: dict[str, Callable[..., Traffic]] = {"second": second.drawn, "third": third.drawn}
"""How a carrier of its own is drawn for a seed, by who wrote it; of the first author see `models.traffic.worlds`."""
_BLOCK_EVENTS = 16_384


def blocks(spec: Traffic) -> Iterator[Block]:
    """Generate traffic in blocks, events in time order within and across them."""
    if isinstance(spec, TrafficSpec):
        for block in generate(spec):
            told = [Truth(one.label == ROBOCALL, one.campaign, one.kind) for one in block.truths()]
            yield block.events(), told
        return
    events = second.generate(spec) if isinstance(spec, Elsewhere) else third.generate(spec)
    for part in batches(events, _BLOCK_EVENTS):
        yield [event for event, _ in part], [truth for event, truth in part if isinstance(event, CallSetup)]
