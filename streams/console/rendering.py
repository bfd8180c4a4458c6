"""Pages made of templates: text is escaped whatever it is, numbers are masked unless the page says otherwise."""

import re
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from detector.campaigns.joining import in_words
from streams.console.subjects import CASE_ID, Kind, Links, Subject
from streams.running.masking import masked

TEMPLATES = Path(__file__).parent / "templates"
SECOND_MS = 1_000
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
"""Units of long spans, and their seconds."""
_CODE = re.compile(r"`([^`]+)`")


class Pages:
    """Makes pages. A template that is not there, or that shows what it was not given, is an error.

    Args:
        links: makes the links of numbers, calls, decisions and trunk groups.
    """

    def __init__(self, links: Links) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters |= {"code": _code, "instant": _instant, "number": _number, "said": _said}
        self._environment.filters |= {"duration": duration, "in_words": in_words}
        self._environment.filters["told"] = lambda text: _told(text, links)
        self._environment.globals["link"] = lambda kind, text: links.path(Subject(Kind(kind), text))

    def page(self, template: str, status: int = 200, *, is_whole: bool = False, **shown: Any) -> HTMLResponse:
        """Make a page, or a part of one.

        Args:
            template: its name without `.html.jinja`.
            status: of HTTP.
            is_whole: numbers are shown whole.
            shown: what the template shows.
        """
        found = self._environment.get_template(f"{template}.html.jinja")
        return HTMLResponse(found.render(mask=_whole if is_whole else _masked, is_whole=is_whole, **shown), status)


def _masked(text: object) -> str:
    return masked("" if text is None else str(text))


def _whole(text: object) -> str:
    return "" if text is None else str(text)


def _code(text: object) -> Markup:
    """A sentence of ours; what stands between backticks is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


def _told(text: object, links: Links) -> Markup:
    """A sentence of ours on how something went; ids of cases lead to their pages."""

    def link(found: re.Match[str]) -> str:
        return f'<a href="{links.path(Subject(Kind.CASE, found[0]))}">{found[0]}</a>'

    return Markup(CASE_ID.sub(link, str(_code(text))))  # noqa: S704 - escaped before, and an id has nothing to escape


def _instant(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(span_ms: float | None) -> str:
    """A span of time in the units that people would say it in; a dash for none.

    Args:
        span_ms: Milliseconds, 0 or more.
    """
    if span_ms is None:
        return "-"
    if span_ms < SECOND_MS:
        return f"{span_ms:g} ms"
    if span_ms < 10 * SECOND_MS:
        return f"{span_ms / SECOND_MS:.1f} s"
    seconds = round(span_ms / SECOND_MS)
    for (unit, length), (below, part) in pairwise(_UNITS):
        if seconds >= length:
            whole, rest = divmod(seconds // part, length // part)
            return f"{whole} {unit}" + (f" {rest} {below}" if rest else "")
    return f"{seconds} s"


def _number(value: float | None, form: str = ".1f") -> str:
    """A number; a dash for none."""
    return "-" if value is None else f"{value:{form}}"


def _said(value: object) -> str:
    """A plain value; a dash for none."""
    return "-" if value in {None, ""} else str(value)
