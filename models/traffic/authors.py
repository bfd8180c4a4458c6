"""Traffic by any of its authors, slice by slice.

Four authors wrote generators, each without sight of the others'. A model that learnt the traffic of one author catches
little in that of another (docs/quality.md). So models learn from three of them, and are also judged with one left out.
The fourth author's is kept for judging alone: nothing that learns before a carrier is known may see it.
What the authors share stands beside this module: kinds, the first instant, how big a carrier is, the truth of a call.
"""

from collections.abc import Callable, Iterator

from detector.contract.events import CallEvent, CallSetup
from models.traffic.batches import batches
from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from models.traffic.fourth import generate as fourth
from models.traffic.fourth.generate import FourthTraffic
from models.traffic.second import generate as second
from models.traffic.second.generate import SecondTraffic
from models.traffic.third import generate as third
from models.traffic.third.generate import ThirdTraffic
from models.traffic.truth import ROBOCALL, Truth

Traffic = TrafficSpec | SecondTraffic | ThirdTraffic | FourthTraffic
"""What traffic to generate, by any author: `start_ms`, and `judged_ms` from which on its calls are learnt or judged."""
Slice = tuple[list[CallEvent], list[Truth]]
"""Events in order of time, and what each call was that is set up among them."""

AUTHORS: dict[str, Callable[..., Traffic]] = {"second": second.drawn, "third": third.drawn}
"""How a carrier of its own is drawn for a seed, by who wrote it; of the first author see `models.traffic.worlds`."""
JUDGED_ALONE: dict[str, Callable[..., Traffic]] = {"fourth": fourth.drawn}
"""Likewise, authors whose traffic models are judged in and never trained on; `AUTHORS` has none of them."""
_SLICE_EVENTS = 16_384


def to_learn_from(specs: list[Traffic]) -> list[Traffic]:
    """Give traffic back that a model is about to learn from, unless some of it is kept for judging.

    Raises:
        ValueError: some is; nothing of it was generated.
    """
    if any(isinstance(spec, FourthTraffic) for spec in specs):
        raise ValueError(
            f"traffic of the {', '.join(JUDGED_ALONE)} author is kept for judging: train on that of others"
        )
    return specs


def slices(spec: Traffic) -> Iterator[Slice]:
    """Generate traffic in slices, events in time order within and across them.

    It takes processor time and no input or output. The same description always gives the same slices. Of the third
    author all calls are drawn, and held, before the first slice; of the fourth those of an hour; of the others
    calls are drawn as they come.
    """
    if isinstance(spec, TrafficSpec):
        for made in generate(spec):
            told = [Truth(one.label == ROBOCALL, one.campaign, one.kind) for one in made.truths()]
            yield made.events(), told
        return
    for part in batches(_events(spec), _SLICE_EVENTS):
        yield [event for event, _ in part], [truth for event, truth in part if isinstance(event, CallSetup)]


def _events(spec: SecondTraffic | ThirdTraffic | FourthTraffic) -> Iterator[tuple[CallEvent, Truth]]:
    if isinstance(spec, SecondTraffic):
        return second.generate(spec)
    return third.generate(spec) if isinstance(spec, ThirdTraffic) else fourth.generate(spec)
