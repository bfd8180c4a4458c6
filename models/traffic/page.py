"""The page `docs/traffic.md`: kinds and figures of generated traffic from the code, between what is said of them."""

from collections.abc import Iterable

from models.traffic.first.spec import CAMPAIGN_DOC, LAWFUL_DOC
from models.traffic.first.world import FIGURES, Band
from models.traffic.second.campaigns import HABITS
from models.traffic.third.carrier import ROBOCALL_KINDS

_OPENING = """\
# Generated traffic

Call events with their truth, to train models on and to judge them by. Made by `python -m models.traffic.page`, the
tables from the code.

## Three authors

A model that learnt one author's traffic catches little in another's ([quality](quality.md)), so there are three
generators. What callers do in the second and the third was written without sight of how the others generate.
"""
_AUTHORS = (
    (
        "first",
        "`models/traffic/first/`",
        "`robocall simulate`, the demo; three in five worlds that models learn from, and the held-out ones",
    ),
    (
        "second",
        "`models/traffic/second/`",
        "a regional carrier: one in five worlds to learn from; `train`, the gate and `make quality` judge in others",
    ),
    (
        "third",
        "`models/traffic/third/`",
        "a terminating carrier with peers of seven types: one in five worlds too, judged in likewise",
    ),
)
_USE = """
`models.traffic.authors` gives the traffic of any of them in blocks of events and truths. They share the names of kinds
and the first instant, the second and the third also how big a carrier is drawn; all else is each author's own.

The first author's traffic is hard on purpose: at one lawful call in 1,000 hit, no feature by itself catches more than
0.4 of any kind, and the rate rules of the field (calls of a number in a minute or an hour) catch next to nothing
([test](../tests/models/traffic/first/test_hardness.py)). In the others' the rate rules catch nothing either, and no
feature by itself tells robocalls, but it does tell some kinds, such as `sequential_dialling`
([test](../tests/models/traffic/test_authors_hardness.py)).

## Generate it

```sh
robocall simulate --out events.jsonl.zst --labels labels.csv --hours 6 --seed 7          # the central world
robocall simulate --out events.jsonl.zst --labels labels.csv --world 3                   # of the training ranges
robocall simulate --out events.jsonl.zst --labels labels.csv --world 3 --held-out        # outside of them
robocall simulate --kafka --rate 1000                                                    # in real time, until Ctrl-C
robocall train --worlds 32 --world-calls 8000 --seed 7 --out generated                   # learn from all three authors
```

The same seed gives the same bytes; another has other subscribers, trunks and campaigns. `simulate` gives the first
author's traffic; that of the others is drawn in Python:

```python
from models.traffic.authors import AUTHORS, blocks
from models.traffic.first.spec import DEFAULT_START_MS

for events, truths in blocks(AUTHORS["third"](1, start_ms=DEFAULT_START_MS, calls=30_000)):
    ...
```

How fast it is generated stands in [benchmarks](benchmarks.md#generating-traffic).
"""

_CALIBRATED = """
## What it is calibrated on

The central world of the first author is held against these figures, within tolerances that the
[test](../tests/models/traffic/first/test_published.py) names; the code has the parameters in
`models/traffic/first/profiles.py`.
"""
_TARGETS = (
    ("robocalls among all calls", "7 to 8 %", "TransNexus, 2022"),
    ("calls that arrive signed; signed A", "35 to 49 %; 31 to 32 %", "TransNexus, 2024"),
    (
        "robocalls among calls of a level",
        "A 3.4 %, unsigned 5 to 7 %, B 21 to 27 %, C 16 to 40 %",
        "TransNexus, 2022-06 to 2023-07",
    ),
    ("robocalls by hour of the day", "next to none from 04 to 12 UTC", "FTC honeypot, 2014"),
    ("persons' calls by hour of the day", "hourly counts", "Nodobo"),
    ("toll-free calling numbers of robocalls", "7.3 to 25.2 %", "FTC complaints, 2020; FTC honeypot, 2014"),
    ("toll-free calling numbers of others", "at most 11.7 %", "FTC honeypot, 2014"),
    ("conversations", "20 % or more last above 120 s", "legalcallsonly.org"),
    ("talks of diallers", "mean below 60 s, nine of ten end within", "legalcallsonly.org"),
    ("talks of at most 6 s", "above 15 % there is a surcharge: lawful mix below, robocalls above", "Telnyx"),
    ("answered", "residential 70 %, where call centres dial 20 %", "Sippy"),
    ("calls of lawful diallers", "busy 3 to 6 %, no answer 25 to 35 %", "Unicom, study of predictive dialling"),
    ("Q.850 cause of a SIP status", "the mapping", "RFC 3398"),
)
_OTHERS = """
Six carriers each of the second and the third author are held against the figures on levels, answers and talks
([test](../tests/models/traffic/test_authors_published.py), with what lies outside): both have more robocalls at level A
than is published, the third also more in all, unsigned and at C, and its lawful diallers are answered more often.
"""

_FIGURES = """\
## Figures of a world

Of the first author. The central world has the calibrated figures. A world to train on draws each figure from the
training range, a held-out one from bands that lie wholly outside of it, below or above. Those of lawful callers and
of campaigns are drawn for each kind; a factor multiplies what is calibrated.
"""


def render_page() -> str:
    """The whole page."""
    campaigns = [
        (f"`{kind}`", doc, _mark(kind in HABITS), _mark(kind in ROBOCALL_KINDS)) for kind, doc in CAMPAIGN_DOC.items()
    ]
    lawful = [(f"`{kind}`", doc) for kind, doc in LAWFUL_DOC.items()]
    figures = [
        (f"`{name}`", _number(one.central), _band(one.training), " or ".join(map(_band, one.held_out)), one.doc)
        for name, one in FIGURES.items()
    ]
    parts = [
        _OPENING,
        _table(("author", "code", "what it is for"), _AUTHORS),
        _USE,
        "## Kinds of campaign\n\nThe first author has them all.\n",
        _table(("kind", "what it is", "second", "third"), campaigns),
        "\n## Lawful kinds\n\nOf the first author; the others have most of them, and the third some of its own.\n",
        _table(("kind", "what it is"), lawful),
        _CALIBRATED,
        _table(("what", "published", "by"), _TARGETS),
        _OTHERS,
        _FIGURES,
        _table(("figure", "central", "training", "held out", "what it is"), figures),
    ]
    return "\n".join(parts) + "\n"


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(cells)} |" for cells in rows)])


def _number(value: float) -> str:
    return f"{float(f'{value:.3g}'):,g}"


def _band(band: Band) -> str:
    return f"{_number(band[0])} to {_number(band[1])}"


def _mark(is_there: bool) -> str:
    return "yes" if is_there else ""


if __name__ == "__main__":
    import sys

    sys.stdout.write(render_page())
