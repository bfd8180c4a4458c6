"""The page `docs/features.md`, from the table of features."""

from collections.abc import Iterable

from detector.features.day_features import DAY_FEATURES
from detector.features.days import DAYS
from detector.features.kinds import Feature
from detector.features.number_features import NUMBER_FEATURES
from detector.features.schemas import F2, F3, F4
from detector.features.signature_features import SIGNATURE_FEATURES
from detector.features.table import FEATURES


def render_page() -> str:
    """The page `docs/features.md`, from the table."""
    lines = [
        "# Features",
        "",
        f"The model scores a call by these {len(FEATURES)} numbers. A rule of the policy can name any of them.",
        f"They have the schema `{F2.schema_id}`. A model works with one schema only.",
        "",
        "- **Minimum sample.** With fewer calls than this a feature is -1, which means not enough data.",
        "- **Windows** are half-open, `(now - length, now]`, in event time.",
        "- **Partitions.** Features from origin, block, called and received count the calls of one partition.",
        "  All of them but the call itself are multiplied by the number of partitions. So an origin or a block of one",
        "  busy number seems too large, because the calls of a number are all in one partition.",
        "",
        "`make docs` makes this page.",
        "",
        *_rows(FEATURES),
        "",
        *_of_days(),
        *_of_signatures(),
        *_of_numbers(),
    ]
    return "\n".join(lines) + "\n"


def _of_days() -> list[str]:
    """The section on them."""
    return [
        "## Features of days",
        "",
        f"The schema `{F3.schema_id}` has these {len(DAY_FEATURES)} numbers besides.",
        "They are computed where the running model or its shadow was trained on them, or where `ROBOCALL_KEEP_DAYS` is",
        "set. The shipped model does not read them, and no rule of the policy can name them.",
        "",
        "- A **day** begins at 09:00 UTC, when it is night in all of North America.",
        f"  Today and the {DAYS - 1} days before it are known.",
        "- **Earlier days** are those before today. Today's calls, the call itself included, are compared with them.",
        "- **Older weeks count less.** With each week that begins, calls and ends of before count half.",
        "- A **late** event counts on its own day. One that is 28 days late counts nowhere.",
        "- **-1** means that there is nothing to tell: no earlier day, no full week, or too few calls that ended.",
        "  A caller that hides its number has -1 everywhere.",
        "- **Partitions.** Origins and blocks are known within one partition, and compared with themselves alone.",
        "",
        *_rows(DAY_FEATURES),
        "",
    ]


def _of_signatures() -> list[str]:
    """The section on them."""
    return [
        "## Features of signatures",
        "",
        f"The schema `{F4.schema_id}` has those of days and these {len(SIGNATURE_FEATURES)} besides.",
        "They are computed where the running model or its shadow was trained on them, or where",
        "`ROBOCALL_KEEP_SIGNATURES` is set.",
        "",
        "- They are made of **our own verdicts** alone: the `own_` fields of a set-up. Where nobody verifies, all",
        "  calls count as unsigned.",
        "- **Lately** and **usually** are sums that fade. Each hour halves the one, each day (UTC) the other.",
        "- A **foreign signer** is one whose provider code is not the `upstream_ocn` of the call.",
        "- **-1** means that there is nothing to tell.",
        "- **Partitions.** Each knows its own calls alone. Shares are the same in all.",
        "",
        *_rows(SIGNATURE_FEATURES),
        "",
    ]


def _of_numbers() -> list[str]:
    """The section on them."""
    return [
        "## Features of the numbering plan",
        "",
        "They are in the same schema. `call_unassigned` wants a file of the codes that are assigned,",
        "`ROBOCALL_ASSIGNED_CODES_FILE`: [numbers](numbers.md).",
        "",
        *_rows(NUMBER_FEATURES),
    ]


def _rows(features: Iterable[Feature]) -> list[str]:
    """A table of features, line by line."""
    head = ["| feature | unit | from | minimum sample | what it is |", "|---|---|---|---|---|"]
    return head + [f"| `{f.name}` | {f.unit} | {f.source} | {f.minimum_sample or ''} | {f.doc} |" for f in features]
