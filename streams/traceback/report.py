"""A traceback for others: a request, one JSON object, a table with a row for each step, and a page for people."""

import csv
import io
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from models.data.cells import inert
from streams.traceback.path import Path as CallPath
from streams.traceback.path import Step, path_of
from streams.traceback.records import Hop, Provider, Traceback, named

FORMAT = "robocall-traceback/1"
TEMPLATE = "page.html.jinja"
HEADINGS = (
    "traceback_id", "calling_number", "called_number", "call_time", "duration_s",
    "step", "provider", "ocn", "frn", "status", "is_gap", "time", "call_id", "received_from",
    "ingress_trunk", "source_ip", "sent_to", "egress_trunk", "attestation", "origid", "signer_spc",
    "diverted_from", "forwarder_spc", "treatment", "customer", "action", "reason", "answered",
)  # fmt: skip
"""Columns of the table."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A traceback and what follows from it. `format` names these types and their version."""

    traceback: Traceback
    path: CallPath
    format: str = FORMAT


def report_of(traceback: Traceback) -> Report:
    """Put the report of a traceback together."""
    return Report(traceback=traceback, path=path_of(traceback))


def as_json(report: Report) -> bytes:
    """The report as JSON that `docs/traceback.schema.json` describes."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def as_request(report: Report) -> bytes:
    """What whoever is named next is asked: one line of the file that `robocall traceback answer` reads."""
    traced = report.traceback
    call = traced.call
    asked = {
        "traceback_id": traced.traceback_id,
        "called_number": call.called_number,
        "calling_number": call.calling_number,
        "time": datetime.fromtimestamp(call.time_ms / 1_000, UTC).isoformat(timespec="milliseconds"),
        "duration_s": call.duration_s,
        "is_answered": call.is_answered,
        "requester": named(traced.hops[0].provider),
        "campaign": traced.campaign,
    }
    return msgspec.json.encode({name: value for name, value in asked.items() if value is not None}) + b"\n"


def as_csv(report: Report) -> bytes:
    """The steps of the path as a table, our own first; no cell is a formula for a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADINGS)
    for number, step in enumerate(report.path.steps, 1):
        writer.writerow([inert(cell) for cell in (*_call(report.traceback), *_row(number, step))])
    return text.getvalue().encode()


def as_html(report: Report) -> bytes:
    """The report as one page without scripts and without anything from elsewhere; all text is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"instant": shown, "named": _named}
    return environment.get_template(TEMPLATE).render(report=report, call=report.traceback.call).encode()


def shown(instant_ms: int | None) -> str:
    """An instant for people, UTC; nothing for none."""
    if instant_ms is None:
        return ""
    return datetime.fromtimestamp(instant_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _named(provider: Provider | None) -> str:
    return "" if provider is None else named(provider)


def _call(traced: Traceback) -> list[Any]:
    call = traced.call
    return [traced.traceback_id, call.calling_number, call.called_number, shown(call.time_ms), call.duration_s]


def _row(number: int, step: Step) -> list[Any]:
    hop = step.hop or Hop(provider=step.provider, status=step.status)
    customer = hop.customer
    return [
        number, step.provider.name, step.provider.ocn, step.provider.frn, step.status.value,
        step.is_gap, shown(hop.time_ms), hop.call_id, _named(hop.received_from), hop.ingress_trunk, hop.source_ip,
        _named(hop.sent_to), hop.egress_trunk, hop.attestation, hop.origid, hop.signer_spc,
        hop.diverted_from, hop.forwarder_spc, hop.treatment,
        customer and customer.name, customer and customer.action, hop.reason, shown(hop.answered_ms),
    ]  # fmt: skip


class Form(NamedTuple):
    """How a traceback leaves.

    Attributes:
        write: makes its bytes.
        media_type: of them.
        ending: of the name of its file, behind the id of the traceback.
    """

    write: Callable[[Report], bytes]
    media_type: str
    ending: str


FORMS: Mapping[str, Form] = {
    "request": Form(as_request, "application/x-ndjson", "-request.jsonl"),
    "json": Form(as_json, "application/json", ".json"),
    "csv": Form(as_csv, "text/csv", ".csv"),
    "html": Form(as_html, "text/html", ".html"),
}
