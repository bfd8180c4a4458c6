"""The row of those who verify signatures, `robocall verify` and the bridge: for the platform engineer."""

from streams.contract_docs.dashboards.panels import Panel, Query, age, level, quantiles, rate, trouble
from streams.metrics import Metric

VERIFYING = (
    Panel(
        "Verified calls per second, by what came of it",
        (Query(trouble(Metric.TRUST_VERDICTS, "cause"), "{{cause}}"),),
        "cps",
    ),
    Panel("verify: records per second", (Query(trouble(Metric.VERIFY_RECORDS, "kind"), "{{kind}}"),), "cps"),
    Panel("verify: raw records that wait", (Query(f"{level(Metric.VERIFY_LAG)} or vector(0)", "records"),)),
    Panel(
        "Certificates per second, by where they were",
        (Query(trouble(Metric.TRUST_LOOKUPS, "source"), "{{source}}"),),
        "cps",
    ),
    Panel("Certificates fetched per second", (Query(trouble(Metric.TRUST_FETCHES, "result"), "{{result}}"),), "cps"),
    Panel("Time of a fetch", quantiles(Metric.TRUST_FETCH_SECONDS), "s"),
    Panel(
        "Certificates in memory",
        (Query(level(Metric.TRUST_CACHED, "kind"), "{{kind}}"),),
        width=6,
    ),
    Panel(
        "Size of the certificates in memory",
        (Query(level(Metric.TRUST_CACHED_BYTES, "instance"), "{{instance}}"),),
        "bytes",
        width=6,
    ),
    Panel(
        "Tokens forgotten, and internal errors, per second",
        (
            Query(rate(Metric.TRUST_TOKENS_FORGOTTEN), "tokens forgotten for want of room"),
            Query(trouble(Metric.TRUST_ERRORS, "cause"), "error: {{cause}}"),
        ),
        "cps",
        width=12,
    ),
    Panel(
        "Lists of trust: age",
        (Query(level(Metric.TRUST_LIST_AGE, "list", how="max"), "{{list}}"),),
        "s",
        "Since the list was last seen to be the latest.",
    ),
    Panel(
        "Lists of trust: seconds past their end",
        (Query(age(Metric.TRUST_LIST_END, "list"), "{{list}}"),),
        "s",
        "Less than 0: still good. Empty: the list names no end.",
    ),
    Panel(
        "Lists of trust: entries, and looks that failed",
        (
            Query(level(Metric.TRUST_LIST_ENTRIES, "list", how="min"), "entries {{list}}"),
            Query(rate(Metric.TRUST_LIST_FAILURES, "list"), "failed per second {{list}}"),
        ),
    ),
)
