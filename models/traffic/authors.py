"""Traffic by any of its authors, slice by slice.

Three authors wrote generators, each without sight of the others'. A model that learnt the traffic of one author catches
little in that of another (docs/quality.md). So models learn from all of them, and are also judged with one left out.
What the authors share stands beside this module: kinds, the first instant, how big a carrier is, the truth of a call.
"""

from collections.abc import Callable, Iterator

from detector.contract.events import CallEvent, CallSetup
from models.traffic.batches import batches
from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from models.traffic.second import generate as second
from models.traffic.second.generate import SecondTraffic
from models.traffic.third import generate as third
from models.traffic.third.generate import ThirdTraffic
from models.traffic.truth import ROBOCALL, Truth

Traffic = TrafficSpec | SecondTraffic | ThirdTraffic
"""What traffic to generate, by any author: `start_ms`, and `judged_ms` from which on its calls are learnt or judged."""
Slice = tuple[list[CallEvent], list[Truth]]
"""Events in order of time, and what each call was that is set up among them."""

AUTHORS: dict[str, Callable[..., Traffic]] = {"second": second.drawn, "third": third.drawn}
"""How a carrier of its own is drawn for a seed, by who wrote it; of the first author see `models.traffic.worlds`."""
_SLICE_EVENTS = 16_384


def slices(spec: Traffic) -> Iterator[Slice]:
    """Generate traffic in slices, events in time order within and across them.

    It takes processor time and no input or output. The same description always gives the same slices. Of the third
    author all calls are drawn, and held, before the first slice; of the others calls are drawn as they come.
    """
    if isinstance(spec, TrafficSpec):
        for made in generate(spec):
            told = [Truth(one.label == ROBOCALL, one.campaign, one.kind) for one in made.truths()]
            yield made.events(), told
        return
    events = second.generate(spec) if isinstance(spec, SecondTraffic) else third.generate(spec)
    for part in batches(events, _SLICE_EVENTS):
        yield [event for event, _ in part], [truth for event, truth in part if isinstance(event, CallSetup)]
