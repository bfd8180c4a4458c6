"""The SQL of a scorecard: a day of the archive, counted by trunk group and signer.

A call is told by its call id, set-up time, numbers and trunk group, as its decision id is: what was sent twice counts
once. A decision or an end that arrives the day after still belongs to its call.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from detector.contract.events import FeedbackSource, Verdict
from detector.policy.lists import Basis
from detector.policy.reasons import BLOCK_LISTED_TRUNK, CAMPAIGN, of_campaign
from detector.policy.upstreams import UPSTREAM
from detector.trust.verdict import Verstat
from streams.archive.output import fetched
from streams.archive.query import ask
from streams.scorecards.counts import Counts
from streams.scorecards.odd_numbers import is_odd
from streams.scorecards.plan import BLOCK, CODE, SCHEMA
from streams.upstreams.entries import Upstream, UpstreamRole

DAYS_BEFORE = 7
"""Days that a day is compared with, and on which a number that rotates was not seen."""
MOST_CALLS = 2
"""Of a number that rotates, on the day."""
UPSTREAMS, PLAN = "scorecard_upstreams", "scorecard_plan"

Key = tuple[str, str | None]
"""Trunk group and signer; no signer where no signature held."""

_CALL = "call_id, setup_time_ms, calling_number, called_number, trunk_group_id"
_OF_ITSELF = (UPSTREAM, "signer", Basis.REGISTRATION.value)
"""Codes of reasons that rest on who hands the call over or signs it: a share made of them would prove itself."""

MEMORY_BYTES = 1 << 30
"""For DuckDB to count in; what a larger day needs goes to disk."""

_SIGNER = f"""CASE WHEN own_verstat = '{Verstat.PASSED.value}' THEN own_signer_spc
    WHEN own_verstat IS NULL AND starts_with(verstat, '{Verstat.PASSED.value}') THEN signer_spc END"""
_ATTESTATION = f"""CASE WHEN own_verstat = '{Verstat.PASSED.value}' THEN own_attestation
    WHEN own_verstat IS NULL AND starts_with(verstat, '{Verstat.PASSED.value}') THEN attestation END"""
_ATTEMPT = "hash(call_id, calling_number, called_number, trunk_group_id)"
_SPAN = """
SELECT min(setup_time_ms), max(setup_time_ms) FROM call_events WHERE type = 'call_setup' AND day = DATE '{day}'
"""
# One grouping of set-ups and decisions: what it holds of a call is some 150 bytes, and DuckDB puts all of it on disk
# where its memory ends. Values stay below 13 bytes but for the trunk group, a key: longer ones would stay in memory.
_CALLS = f"""
refusals AS (SELECT DISTINCT {_ATTEMPT} AS attempt FROM call_events
  WHERE type = 'call_end' AND day BETWEEN DATE '{{day}}' AND DATE '{{after}}'
  AND coalesce(treatment, '') <> 'block' AND contains(lower(reason), 'v=analytics1')),
traced AS (SELECT DISTINCT call_id FROM call_feedback WHERE source = '{FeedbackSource.TRACEBACK.value}'
  AND verdict = '{Verdict.ROBOCALL.value}' AND call_id IS NOT NULL AND day >= DATE '{{day}}'),
rows AS (
SELECT hash({_CALL}) AS call, trunk_group_id, true AS is_set_up, hash(calling_number) AS number,
  CASE WHEN starts_with(calling_number, '+1') THEN substr(calling_number, 3, {BLOCK}) END AS line,
  regexp_matches(calling_number, '[0-9]') AS has_digit, {{is_odd}} AS is_odd,
  {_SIGNER} AS signer, {_ATTESTATION} AS attestation, upstream_ocn, calling_ocn,
  call_id IN (FROM traced) AS is_traced, {_ATTEMPT} IN (FROM refusals) AS is_refused,
  NULL AS is_suspect, NULL AS campaign
FROM call_events WHERE type = 'call_setup' AND day = DATE '{{day}}'
UNION ALL BY NAME
SELECT hash({_CALL}) AS call, trunk_group_id, false AS is_set_up,
  CASE WHEN decided_by <> 'fail_open' AND NOT (coalesce(would_be, action) <> 'allow'
    AND coalesce(reasons[1].code IN {_OF_ITSELF} OR reasons[2].code IN {_OF_ITSELF}
    OR reasons[1].text = '{BLOCK_LISTED_TRUNK.text}' OR reasons[1].text LIKE 'A standing % of the trunk holds %',
    false)) THEN coalesce(would_be, action) <> 'allow' END AS is_suspect,
  CASE WHEN reasons[-1].code = '{CAMPAIGN}' THEN substr(reasons[-1].text, {len(of_campaign("").text) + 1}) END
    AS campaign
FROM call_decisions WHERE day BETWEEN DATE '{{day}}' AND DATE '{{after}}'
  AND setup_time_ms BETWEEN {{first_ms}} AND {{last_ms}}),
calls AS MATERIALIZED (SELECT trunk_group_id, any_value(number) AS number, any_value(line) AS line,
  any_value(has_digit) AS has_digit, any_value(is_odd) AS is_odd, any_value(signer) AS signer,
  any_value(attestation) AS attestation, any_value(upstream_ocn) AS event_ocn, any_value(calling_ocn) AS dipped_ocn,
  any_value(is_traced) AS is_traced, any_value(is_refused) AS is_refused, bool_or(is_suspect) AS is_suspect,
  any_value(campaign) AS campaign
  FROM rows GROUP BY call, trunk_group_id HAVING bool_or(is_set_up))
"""  # noqa: S608 - our own names
_DAY = """
WITH {calls},
blocks AS (SELECT * FROM {plan} WHERE length(prefix) = {of_block} AND NOT {is_digested}),
codes AS (SELECT * FROM {plan} WHERE length(prefix) = {of_code} AND NOT ({is_digested}
  AND prefix IN (SELECT substr(prefix, 1, {of_code}) FROM {plan} WHERE length(prefix) = {of_block}))),
today AS (SELECT number, count(*) AS calls FROM calls GROUP BY number),
earlier AS MATERIALIZED (SELECT DISTINCT hash(calling_number) AS number, {signer} AS signer FROM call_events
  WHERE type = 'call_setup' AND day BETWEEN DATE '{before}' AND DATE '{yesterday}'
  AND hash(calling_number) IN (SELECT number FROM today)),
numbers AS (SELECT number, any_value(today.calls) AS calls, count(earlier.number) > 0 AS is_known,
  count(earlier.signer) > 0 AS was_signed FROM today LEFT JOIN earlier USING (number) GROUP BY number),
told AS (SELECT calls.* EXCLUDE (number), numbers.calls <= {most} AND NOT is_known AS is_new,
  attestation IN ('A', 'B') AND has_digit AND was_signed AS has_signers,
  has_signers AND calls.signer IS NOT NULL AND same.signer IS NULL AS is_resigned,
  coalesce(known.ocn, event_ocn) AS ocn, known.role AS role,
  coalesce(dipped_ocn, blocks.plan_ocn, codes.plan_ocn) AS number_ocn
  FROM calls JOIN numbers USING (number)
  LEFT JOIN earlier AS same ON same.number = calls.number AND same.signer = calls.signer
  LEFT JOIN {upstreams} AS known USING (trunk_group_id)
  LEFT JOIN blocks ON blocks.prefix = line LEFT JOIN codes ON codes.prefix = substr(line, 1, {of_code}))
SELECT trunk_group_id, signer, list(DISTINCT campaign) FILTER (campaign IS NOT NULL), count(*) AS calls,
  count(is_suspect) AS judged, count(*) FILTER (is_suspect) AS suspect,
  count(*) FILTER (is_odd) AS invalid, count(*) FILTER (attestation = 'A') AS with_a,
  count(*) FILTER (attestation = 'A' AND is_suspect AND is_new) AS rotated,
  count(*) FILTER (signer IS NOT NULL AND ocn IS NOT NULL) AS signed,
  count(*) FILTER (role IN {passing} AND attestation IN ('A', 'B') AND signer = ocn) AS downstream,
  count(*) FILTER (role = '{originating}' AND signer <> ocn) AS third_party,
  count(*) FILTER (has_signers) AS with_signers, count(*) FILTER (is_resigned) AS resigned,
  count(*) FILTER (number_ocn IS NOT NULL AND ocn IS NOT NULL) AS with_ocn,
  count(*) FILTER (number_ocn <> ocn) AS ocn_unlike, count(*) FILTER (is_refused) AS refused,
  count(*) FILTER (is_traced) AS tracebacks
FROM told GROUP BY trunk_group_id, signer
"""
_JUDGED = """
WITH {calls} SELECT trunk_group_id, signer, count(is_suspect), count(*) FILTER (is_suspect)
FROM calls WHERE is_suspect IS NOT NULL GROUP BY trunk_group_id, signer
"""
_PASSING = (UpstreamRole.INTERMEDIATE.value, UpstreamRole.GATEWAY.value)
_UPSTREAM_COLUMNS = pa.schema([("trunk_group_id", pa.string()), ("ocn", pa.string()), ("role", pa.string())])


@dataclass(frozen=True, slots=True)
class Line:
    """Counts of one day, trunk group and signer; no signer where no signature held.

    Attributes:
        campaigns: Ids of those that decisions name.
    """

    trunk_group_id: str
    signer: str | None
    counts: Counts
    campaigns: frozenset[str] = frozenset()


def register(connection: Any, upstreams: Iterable[Upstream], plan: Any | None) -> None:
    """Give a connection what the days are counted with, once.

    Args:
        connection: Of `streams.archive.query.connected`.
        upstreams: Entries of the register.
        plan: Of `streams.scorecards.plan`; None where there is none.
    """
    rows = [{"trunk_group_id": one.trunk_group_id, "ocn": one.ocn, "role": one.role.value} for one in upstreams]
    connection.register(UPSTREAMS, pa.Table.from_pylist(rows, schema=_UPSTREAM_COLUMNS))
    connection.register(PLAN, SCHEMA.empty_table() if plan is None else plan)


class Days:
    """Counts days of an archive, one after the other.

    Args:
        connection: After `register`; used by nobody else meanwhile.
        is_digested: Whether the archive keeps digests of numbers: the seventh digit of one is not the number's.
    """

    def __init__(self, connection: Any, *, is_digested: bool) -> None:
        self._connection = connection
        self._is_digested = is_digested
        self._judged: dict[date, list[tuple[Key, int, int]]] = {}

    def lines(self, day: date, on_day: Callable[[date], object] = lambda _: None) -> list[Line]:
        """Count a day. It blocks for reading its part of the archive, and those of the days before.

        Args:
            day: UTC day of arrival.
            on_day: Told about each day that is looked at.

        Raises:
            QueryRefused: DuckDB met a fault, a file that went meanwhile for one.
        """
        on_day(day)
        names = [field.name for field in fields(Counts)][:-2]
        rows = list(fetched(ask(self._connection, self._sql(day))))
        campaigns = {(row[0], row[1]): frozenset(row[2] or ()) for row in rows}
        found = {(row[0], row[1]): dict(zip(names, row[3:], strict=True)) for row in rows}
        for days in range(1, DAYS_BEFORE + 1):
            for key, judged, suspect in self._judged_on(day - timedelta(days), on_day):
                counts = found.setdefault(key, {})
                counts["judged_before"] = counts.get("judged_before", 0) + judged
                counts["suspect_before"] = counts.get("suspect_before", 0) + suspect
        in_order = sorted(found.items(), key=lambda one: (one[0][0], one[0][1] or ""))
        return [Line(*key, Counts(**counts), campaigns.get(key, frozenset())) for key, counts in in_order]

    def _judged_on(self, day: date, on_day: Callable[[date], object]) -> list[tuple[Key, int, int]]:
        """Judged and suspect calls of a day, by trunk group and signer; kept, since seven days ask for them."""
        if day not in self._judged:
            on_day(day)
            rows = fetched(ask(self._connection, _JUDGED.format(calls=self._calls(day))))
            self._judged[day] = [((trunk, signer), judged, suspect) for trunk, signer, judged, suspect in rows]
        return self._judged[day]

    def _sql(self, day: date) -> str:
        return _DAY.format(
            calls=self._calls(day),
            before=day - timedelta(DAYS_BEFORE),
            yesterday=day - timedelta(1),
            most=MOST_CALLS,
            signer=_SIGNER,
            upstreams=UPSTREAMS,
            plan=PLAN,
            of_block=BLOCK,
            of_code=CODE,
            is_digested=str(self._is_digested).lower(),
            passing=_PASSING,
            originating=UpstreamRole.ORIGINATING.value,
        )

    def _calls(self, day: date) -> str:
        """The calls of a day, each once; decisions are looked for where its set-ups say, which is not all of a day."""
        ((first_ms, last_ms),) = fetched(ask(self._connection, _SPAN.format(day=day)))
        span = {"first_ms": first_ms or 0, "last_ms": last_ms or 0}
        return _CALLS.format(day=day, after=day + timedelta(1), is_odd=is_odd("calling_number"), **span)
