"""Generated traffic as it is handed out: events in time order, as domain events or as JSON lines, with the truth."""

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from detector.contract.events import Attestation, CallEnd, CallEvent, CallSetup, ReleasedBy, Role
from models.traffic.first.actors import ActorColumns, Actors, Network
from models.traffic.first.outcomes import FAILED, NEVER, UNSIGNED, Calls
from models.traffic.first.population import ODD_NUMBERS, Bool, Int64, mix

_LEVELS = (None, Attestation.A, Attestation.B, Attestation.C, None)
_RELEASED = (ReleasedBy.CALLING, ReleasedBy.CALLED, ReleasedBy.NETWORK)
_PASSED, _NOT_VALIDATED, _NOT_PASSED = "TN-Validation-Passed", "No-TN-Validation", "TN-Validation-Failed"


class LabelRow(NamedTuple):
    """What a call really is, as a row of a label file."""

    call_id: str
    label: str
    campaign: str
    kind: str


@dataclass(frozen=True, slots=True)
class TrafficSlice:
    """Events of one slice in time order: row `rows[i]` of `calls`, its end where `is_end[i]`, else its setup."""

    calls: Calls
    rows: Int64
    is_end: Bool
    first_id: int
    network: Network
    actors: Actors
    columns: ActorColumns

    def __len__(self) -> int:
        """Count the events."""
        return len(self.rows)

    def events(self) -> list[CallEvent]:
        """Build the events as domain values, in time order."""
        return [_end(row) if row.is_end else _setup(row) for row in self._read()]

    def json_lines(self) -> list[str]:
        """Build the events as records of the topic `call-events`, in time order, without a line end."""
        return [_end_json(row) if row.is_end else _setup_json(row) for row in self._read()]

    def times_ms(self) -> Int64:
        """Give the event time of each event, shape (n_events,) epoch milliseconds: of an end the time of its end."""
        return np.where(self.is_end, self.calls.end_ms[self.rows], self.calls.setup_ms[self.rows])

    def truths(self) -> list[LabelRow]:
        """Give the truth of the calls set up here, in order of setup."""
        setups = self.rows[~self.is_end]
        kinds, campaigns = self.actors.kinds, self.actors.campaigns
        return [
            LabelRow(call_id, "robocall" if campaigns[actor] else "legitimate", campaigns[actor], kinds[actor])
            for call_id, actor in zip(self._ids(setups), self.calls.actor[setups].tolist(), strict=True)
        ]

    def _ids(self, rows: Int64) -> list[str]:
        """Name calls so that the name says nothing about them."""
        return [f"{code:016x}" for code in mix(self.calls.serial[rows] + self.first_id).tolist()]

    def _read(self) -> list["_Row"]:
        calls, rows, network = self.calls, self.rows, self.network
        actor = calls.actor[rows]
        name = np.where(calls.attestation[rows] == FAILED, -1, self.columns.name[actor])
        columns = (
            calls.setup_ms, calls.end_ms, calls.answer_ms, calls.calling, calls.called, calls.trunk, calls.attestation,
            calls.origin, calls.status, calls.cause, calls.released_by, calls.diverted_by,
        )  # fmt: skip
        return [
            _Row(network, self.actors.origins, *row)
            for row in zip(
                self._ids(rows),
                self.is_end.tolist(),
                self.columns.signer[actor].tolist(),
                name.tolist(),
                *(column[rows].tolist() for column in columns),
                strict=True,
            )
        ]


class _Row(NamedTuple):
    """One event with its call's columns as Python values."""

    network: Network
    origins: list[str]
    call_id: str
    is_end: bool
    signer: int
    name: int
    setup_ms: int
    end_ms: int
    answer_ms: int
    calling: int
    called: int
    trunk: int
    attestation: int
    origin: int
    status: int
    cause: int
    released_by: int
    diverted_by: int


def _number(number: int) -> str:
    return f"+{number}" if number >= 0 else ODD_NUMBERS[-1 - number]


def _verstat(row: _Row) -> str | None:
    """Give the verification status; trunks over TDM say nothing where there is no signature."""
    if row.attestation == UNSIGNED:
        return None if row.network.trunk_is_tdm[row.trunk] else _NOT_VALIDATED
    return _NOT_PASSED if row.attestation == FAILED else _PASSED


def _setup(row: _Row) -> CallSetup:
    is_signed = row.attestation not in (UNSIGNED, FAILED)
    return CallSetup(
        call_id=row.call_id,
        setup_time_ms=row.setup_ms,
        calling_number=_number(row.calling),
        called_number=_number(row.called),
        trunk_group_id=row.network.trunk_ids[row.trunk],
        switch_id=row.network.trunk_switches[row.trunk],
        upstream_ocn=row.network.trunk_ocns[row.trunk],
        calling_name=row.network.names[row.name] if row.name >= 0 else None,
        diversion=[_number(row.diverted_by)] if row.diverted_by != NEVER else None,
        verstat=_verstat(row),
        attestation=_LEVELS[row.attestation],
        origid=row.origins[row.origin] if is_signed else None,
        signer_spc=row.network.signers[row.signer] if is_signed else None,
        role=Role.TERMINATING,
    )


def _end(row: _Row) -> CallEnd:
    return CallEnd(
        call_id=row.call_id,
        setup_time_ms=row.setup_ms,
        end_time_ms=row.end_ms,
        calling_number=_number(row.calling),
        called_number=_number(row.called),
        trunk_group_id=row.network.trunk_ids[row.trunk],
        sip_status=row.status,
        answer_time_ms=row.answer_ms if row.answer_ms != NEVER else None,
        q850_cause=row.cause,
        released_by=_RELEASED[row.released_by],
        switch_id=row.network.trunk_switches[row.trunk],
    )


def _optional(name: str, value: Any) -> str:
    return "" if value is None else f',"{name}":"{value}"'


def _setup_json(row: _Row) -> str:
    network = row.network
    is_signed = row.attestation not in (UNSIGNED, FAILED)
    signature = (
        f',"origid":"{row.origins[row.origin]}","signer_spc":"{network.signers[row.signer]}"' if is_signed else ""
    )
    diversion = f',"diversion":["{_number(row.diverted_by)}"]' if row.diverted_by != NEVER else ""
    return (
        f'{{"type":"call_setup","call_id":"{row.call_id}","setup_time_ms":{row.setup_ms},'
        f'"calling_number":"{_number(row.calling)}","called_number":"{_number(row.called)}",'
        f'"trunk_group_id":"{network.trunk_ids[row.trunk]}"{_optional("switch_id", network.trunk_switches[row.trunk])},'
        f'"upstream_ocn":"{network.trunk_ocns[row.trunk]}"'
        f"{_optional('calling_name', network.names[row.name] if row.name >= 0 else None)}{diversion}"
        f"{_optional('verstat', _verstat(row))}{_optional('attestation', _LEVELS[row.attestation])}"
        f'{signature},"role":"terminating"}}'
    )


def _end_json(row: _Row) -> str:
    network = row.network
    answer = f',"answer_time_ms":{row.answer_ms}' if row.answer_ms != NEVER else ""
    return (
        f'{{"type":"call_end","call_id":"{row.call_id}","setup_time_ms":{row.setup_ms},"end_time_ms":{row.end_ms},'
        f'"calling_number":"{_number(row.calling)}","called_number":"{_number(row.called)}",'
        f'"trunk_group_id":"{network.trunk_ids[row.trunk]}","sip_status":{row.status}{answer},"q850_cause":{row.cause},'
        f'"released_by":"{_RELEASED[row.released_by]}"{_optional("switch_id", network.trunk_switches[row.trunk])}}}'
    )


def event_json(event: CallEvent) -> bytes:
    """Encode one event as a record of the topic `call-events`; absent fields are left out."""
    kind = "call_end" if isinstance(event, CallEnd) else "call_setup"
    present = {name: getattr(event, name) for name in event.__slots__ if getattr(event, name) is not None}
    return json.dumps({"type": kind, **present}, separators=(",", ":")).encode()
