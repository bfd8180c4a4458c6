"""The page `docs/traffic.md`: the kinds and figures of generated traffic as the code has them, with words around.

It generates nothing. Words that explain one kind or one figure stand with that kind or figure.
"""

from collections.abc import Iterable

from models.traffic.first.world import FIGURES, Band
from models.traffic.fourth.kinds import CAMPAIGN_KINDS as FOURTH_KINDS
from models.traffic.fourth.kinds import OWN_CAMPAIGN_DOC, OWN_LAWFUL_DOC
from models.traffic.kinds import CAMPAIGN_DOC, LAWFUL_DOC
from models.traffic.second.campaigns import HABITS
from models.traffic.third.carrier import ROBOCALL_KINDS

_OPENING = """\
# Generated traffic

Use this traffic to try the system, to train models and to judge them without calls of real people. Every event comes
with its truth. Real traffic will differ: [quality](quality.md#what-generated-calls-cannot-show) says how far this one
can be trusted. `make docs` makes this page, with the tables from the code.

## Generate it

```sh
robocall simulate --out events.jsonl.zst --labels labels.csv --hours 6 --seed 7          # the central world
robocall simulate --out events.jsonl.zst --labels labels.csv --world 3                   # of the training ranges
robocall simulate --out events.jsonl.zst --labels labels.csv --world 3 --held-out        # outside of them
robocall simulate --kafka --rate 1000                                                    # in real time, until Ctrl-C
robocall train --worlds 32 --world-calls 8000 --seed 7 --out generated                   # learn from three authors
robocall simulate --author fourth --hours 28 --seed 5 --out e.jsonl.zst --labels l.csv --feedback f.jsonl
```

The same seed gives the same bytes. Another seed has other subscribers, trunks and campaigns. `simulate` gives the first
author's traffic, or [the fourth's](#the-fourth-author). That of the others is drawn in Python:

```python
from models.traffic.authors import AUTHORS, slices
from models.traffic.span import DEFAULT_START_MS

for events, truths in slices(AUTHORS["third"](1, start_ms=DEFAULT_START_MS, calls=30_000)):
    ...
```

[Benchmarks](benchmarks.md#generating-traffic) say how fast it is generated.

## Four authors

A model that learnt one author's traffic catches little in another's ([table](quality.md#an-author-left-out)). So there
are four generators. The second, third and fourth author wrote what callers do without seeing the other generators.
"""
_AUTHORS = (
    (
        "first",
        "`models/traffic/first/`",
        "`robocall simulate` and the demo; three in five of the worlds that models learn from, and all held-out ones",
    ),
    (
        "second",
        "`models/traffic/second/`",
        "a regional carrier; one in five of the worlds to learn from, and others to judge in",
    ),
    (
        "third",
        "`models/traffic/third/`",
        "a terminating carrier with seven types of peers; likewise",
    ),
    (
        "fourth",
        "`models/traffic/fourth/`",
        "a carrier with a day of history and feedback; to judge in, and never to train on",
    ),
)
_SHARED = """
`models.traffic.authors` gives the traffic of any author, in slices: events and truths. The authors share the names of
kinds and the first instant. The second and third also share how the size of a carrier is drawn. All else is each
author's own.

**How hard it is.** The first author's traffic is hard on purpose. At one lawful call in 1,000 hit, no single feature
catches more than 0.4 of any kind. The rate rules of the field count calls of a number in a minute or an hour, and
catch next to nothing ([test](../tests/models/traffic/first/test_hardness.py)). In the others' traffic these rules catch
nothing either. No single feature tells robocalls there, though some features tell some kinds, such as
`sequential_dialling` ([test](../tests/models/traffic/test_authors_hardness.py)).
"""

_FOURTH = """
## The fourth author

Its traffic is kept for judging alone. Use it to see what a model does at a carrier that nobody wrote for it, before and
after it has learnt that carrier's own calls. It stands in `JUDGED_ALONE` of `models.traffic.authors`, not in `AUTHORS`.
`robocall train` takes none of it.

- **A carrier follows from its seed.** Drawn are its numbers, providers, trunk groups, local time, mix of lawful kinds,
  kinds of campaign, and the share of robocalls: 1 to 10 %. So are some figures of each organisation and campaign.
- **An hour is the same in whatever span it is.** `--start` and `--hours` choose the span. A day to learn from and a
  later day to judge can be made by two commands with the same seed, rate and `--new-kinds`. A call whose end lies
  behind the span ends in its file all the same.
- **Lawful organisations come back.** They call the next day from the same numbers, by their hours and days of the week.
  Over weeks they drift: they call more or less, and a part of their lists is replaced.
- **Campaigns change.** They live from an hour to four days, and many take other numbers every few hours.
- **Some kinds are held back.** No campaign of three to six kinds begins before `--new-kinds`. By default that is a day
  after `--start`. From then on they come as soon as the hour is one in which they call. The last line says which.
- **Origids are shared.** An origid is a customer of a provider: a firm, or a reseller with all that call through it.
  Campaigns call through the same customers as lawful organisations.
- **Feedback is what a carrier hears.** `--feedback` writes records of [call-feedback](contract.md). Complaints come
  hours or days after a call. A drawn share of them, 15 to 40 %, is about lawful calls, and some name a wrong number.
  Lines without a subscriber serve as traps; they name the call. A few tracebacks end after one to four days, with the
  campaign's name.
  Nothing stands there that is said after the span.

580,000 calls of a day take some 10 s of CPU as events. The columns of an hour are held, and those of calls that go on.
At 7.5 % robocalls, six carriers have 35 % signed calls (35 to 49 % is published) and 27 % at level A (31 to 32 %).
Of the calls at level A 5.8 % are robocalls (3.4 %), of the unsigned ones 6.3 % (5 to 7 %), at B 16 % (21 to 27 %), and
at C 37 % (16 to 40 %). A [test](../tests/models/traffic/fourth/test_generate_published.py) holds them.

All kinds of campaign above are there, at each carrier 16 to 20 of them and of these:
"""

_CALIBRATED = """
## What it is calibrated on

A [test](../tests/models/traffic/first/test_published.py) holds the central world of the first author against these
figures, within tolerances that it names. The parameters are in `models/traffic/first/profiles.py`.
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
Another [test](../tests/models/traffic/test_authors_published.py) holds six carriers each of the second and third author
against the figures on levels, answers and talks, and names what lies outside. Both have more robocalls at level A than
is published. The third also has more in all, unsigned and at C, and its lawful diallers are answered more often.
"""

_FIGURES = """\
## Figures of a world

These are the first author's. The central world has the calibrated figures. A world to train on draws each figure from
its training range. A held-out world draws from bands that lie wholly outside of this range, below or above. Figures of
lawful callers and of campaigns are drawn for each kind. A factor multiplies the calibrated figure.
"""


def render_page() -> str:
    """The whole page."""
    campaigns = [
        (f"`{kind}`", doc, *(_mark(kind in known) for known in (HABITS, ROBOCALL_KINDS, FOURTH_KINDS)))
        for kind, doc in CAMPAIGN_DOC.items()
    ]
    figures = [
        (f"`{name}`", _number(one.central), _band(one.training), " or ".join(map(_band, one.held_out)), one.doc)
        for name, one in FIGURES.items()
    ]
    parts = [
        _OPENING,
        _table(("author", "code", "what it is for"), _AUTHORS),
        _SHARED,
        "## Kinds of campaign\n\nThe first author has all of them.\n",
        _table(("kind", "what it is", "second", "third", "fourth"), campaigns),
        "\n## Lawful kinds\n\nThe first author has these. The others have most of them, and the last two have more.\n",
        _table(("kind", "what it is"), _rows(LAWFUL_DOC)),
        _FOURTH,
        _table(("kind of campaign", "what it is"), _rows(OWN_CAMPAIGN_DOC)),
        "\nIts lawful callers are of most of the kinds above, and of these:\n",
        _table(("lawful kind", "what it is"), _rows(OWN_LAWFUL_DOC)),
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


def _rows(docs: dict[str, str]) -> list[tuple[str, str]]:
    return [(f"`{kind}`", doc) for kind, doc in docs.items()]


def _number(value: float) -> str:
    return f"{float(f'{value:.3g}'):,g}"


def _band(band: Band) -> str:
    return f"{_number(band[0])} to {_number(band[1])}"


def _mark(is_there: bool) -> str:
    return "yes" if is_there else ""
