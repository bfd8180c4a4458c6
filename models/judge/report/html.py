"""The HTML page of a report: one file with its plots inside, no script, no network. All text from data is escaped.

The words stand in the template beside this module, `page.html.jinja`; here is how figures are written.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from models.judge.report.intervals import area, share
from models.judge.report.learnt import OWN

TEMPLATE = "page.html.jinja"


def page(figures: dict[str, Any], plots: dict[str, bytes]) -> str:
    """Make the page; called once a report.

    Args:
        figures: of `models.judge.report.report.judge`.
        plots: PNG by name, all that the report draws.

    Raises:
        jinja2.UndefinedError: A figure or a plot that the template shows is not there.
    """
    own = {OWN: figures}
    learnt = {name: one for name, one in figures["compared"].get("models", {}).items() if name != OWN}
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            figures=figures,
            plots={name: base64.b64encode(content).decode() for name, content in plots.items()},
            own=OWN,
            beside_rules=own | figures["baselines"],
            others=figures["baselines"] | learnt,
        )
    )


def _number(value: float | None, form: str = ".0f") -> str:
    """A number; a dash for none."""
    return "-" if value is None else f"{value:{form}}"


def _environment() -> Environment:
    """Text is escaped whatever a file is called, and a figure that is not there is an error."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "area": area,
        "instant": _instant,
        "number": _number,
        "rate": "{:g}".format,
        "share": share,
        "share_by_campaign": lambda recall: share({**recall, **recall["by_campaign"]}),
        "thousands": "{:,}".format,
        "words": _words,
    }
    return environment


def _instant(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _words(value: object) -> str:
    """A plain value of a manifest without the marks of a programming language."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(one)}" for name, one in value.items())
    return ", ".join(map(_words, value)) if isinstance(value, list | tuple) else str(value)
