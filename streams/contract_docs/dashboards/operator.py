"""For the operator on duty: what calls get, which pass unjudged, what people say, what the lists are."""

from streams.contract_docs.dashboards.panels import (
    WORKER,
    Dashboard,
    Panel,
    Query,
    Variable,
    in_words,
    level,
    quantiles,
    rate,
    trouble,
)
from streams.metrics import Metric

_TRIED = f'{WORKER},mode="shadow",would_be!="allow"'


def _share(matchers: str) -> str:
    """Share of all calls; 0 before the first such call."""
    some, every = (rate(Metric.DECISIONS, where=where) for where in (f"{WORKER},{matchers}", WORKER))
    return f"({some} or vector(0)) / {every}"


_CALLS = (
    Panel(
        "Decisions per second, by what was answered",
        (Query(rate(Metric.DECISIONS, "action", where=WORKER), "{{action}}"),),
        "cps",
        "What switches were told. In shadow that is always allow.",
        is_stacked=True,
    ),
    Panel(
        "Blocks and labels per second, by step",
        (Query(trouble(Metric.DECISIONS, "decided_by", f'{WORKER},action!="allow"'), "{{decided_by}}"),),
        "cps",
        "Calls that were really blocked or labelled, by the step of the policy that decided.",
    ),
    Panel(
        "Only tried: what shadow would have done, per second",
        (Query(trouble(Metric.DECISIONS, "would_be", _TRIED), "would {{would_be}}"),),
        "cps",
        "None of these calls was blocked or labelled: they were allowed.",
    ),
    Panel(
        "Share of calls blocked, and tried to",
        (
            Query(_share('action="block"'), "blocked"),
            Query(_share('action="label"'), "labelled"),
            Query(_share('mode="shadow",would_be="block"'), "only tried: block"),
            Query(_share('mode="shadow",would_be="label"'), "only tried: label"),
        ),
        "percentunit",
        width=12,
    ),
    Panel(
        "Time from set-up to decision",
        quantiles(Metric.SINCE_SETUP, where=WORKER, of=(0.5, 0.99, 0.999)),
        "s",
        "Includes the offset between the clocks of switch and worker.",
        width=12,
    ),
)
_PASSED = (
    Panel(
        "Passed without a score per second, by reason",
        (Query(trouble(Metric.PASSED_UNSCORED, "reason", WORKER), "{{reason}}"),),
        "cps",
        "late, overload: too few workers. lists_unknown: Redis.",
    ),
    Panel(
        "Passed for an error, or on a claim that nobody believed",
        (
            Query(rate(Metric.FAIL_OPEN, where=WORKER), "passed for an internal error"),
            Query(rate(Metric.UNBELIEVED, where=WORKER), "emergency claimed, not believed: judged"),
        ),
        "cps",
    ),
    Panel(
        "Bridge: passed without a decision per second, by reason",
        (Query(trouble(Metric.BRIDGE_FAIL_OPEN, "reason"), "{{reason}}"),),
        "cps",
    ),
)
_PEOPLE = (
    Panel(
        "Feedback per second, by verdict",
        (Query(trouble(Metric.FEEDBACK, "verdict", WORKER), "{{verdict}}"),),
        "cps",
        width=6,
    ),
    Panel(
        "Reported: lawful calls that were blocked, per second",
        (Query(trouble(Metric.FALSE_BLOCK_REPORTS, "step", f'{WORKER},mode="enforce"'), "{{step}}"),),
        "cps",
        "Each is a caller who was harmed: look it up, release it.",
        width=6,
    ),
    Panel("Campaigns", (Query(level(Metric.CAMPAIGNS), "remembered"),), kind="stat", width=4),
    Panel("Suspect calls in campaigns per second", (Query(rate(Metric.CAMPAIGN_CALLS), "calls"),), "cps"),
    Panel(
        "Cases that wait for an answer, and overdue ones",
        (
            Query(level(Metric.CASES_WAITING, "kind", how="max"), "waiting {{kind}}"),
            Query(level(Metric.CASES_OVERDUE, "kind", how="max"), "overdue {{kind}}"),
        ),
        about="Redress and tracebacks. The archive's process counts them.",
        width=12,
    ),
)
_LISTS = (
    Panel(
        "Where lists come from",
        (in_words(Metric.LISTS_SOURCE, "source", WORKER),),
        about="Workers by source. While lists are unknown every call passes.",
        kind="stat",
        width=6,
    ),
    Panel(
        "Age of the lists",
        (
            Query(level(Metric.LISTS_AGE, how="max", where=WORKER), "lists"),
            Query(level(Metric.DNO_CONFIRMED, how="max", where=WORKER), "do-not-originate of others"),
        ),
        "s",
        width=6,
    ),
    Panel(
        "Emergency list has vanished",
        (Query(level(Metric.EMERGENCY_HELD, how="max", where=WORKER), "held"),),
        about="1: the last one holds. Put it back.",
        kind="stat",
        width=4,
    ),
    Panel(
        "Standing decisions, by who decided", (Query(level(Metric.STANDING, "by", how="max", where=WORKER), "{{by}}"),)
    ),
    Panel(
        "Do-not-originate lists of others",
        (
            Query(f"{level(Metric.DNO_ENTRIES, 'list', how='max', where=WORKER)} or vector(0)", "entries {{list}}"),
            Query(f"{level(Metric.DNO_AGE, 'list', how='max', where=WORKER)} or vector(0)", "days old {{list}}"),
            Query(f"{level(Metric.DNO_REFUSED, 'list', how='max', where=WORKER)} or vector(0)", "refused {{list}}"),
        ),
        kind="stat",
        width=12,
    ),
    Panel(
        "Upstreams that are not in order",
        (
            Query(f"{level(Metric.UPSTREAM_FINDINGS, 'kind', how='max', where=WORKER)} or vector(0)", "{{kind}}"),
            Query(f"{level(Metric.UPSTREAMS_REFUSED, how='max', where=WORKER)} or vector(0)", "register unreadable"),
        ),
        kind="stat",
        width=12,
    ),
)

OPERATOR = Dashboard(
    "operator",
    "Robocall: operator",
    "For the operator on duty: what calls get, which pass unjudged, what people say, what the lists are.",
    (Variable("worker", Metric.EVENTS, "instance"),),
    (
        ("What calls get", _CALLS),
        ("Calls that pass unjudged", _PASSED),
        ("What people say, and campaigns", _PEOPLE),
        ("Lists", _LISTS),
    ),
)
