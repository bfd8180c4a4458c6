"""For the owner of the model: what decides, whether traffic has moved, how the shadow differs, what people say."""

from streams.contract_docs.dashboards.panels import (
    WORKER,
    Dashboard,
    Panel,
    Query,
    Variable,
    age,
    in_words,
    level,
    rate,
    trouble,
)
from streams.metrics import Metric

_MODEL = f'{WORKER},decided_by="model"'
_MOST_FEATURES = 10

_DECIDES = (
    Panel(
        "Model, policy and features in use",
        (
            Query(
                level(Metric.VERSIONS, "model_version", "policy_version", "feature_schema", where=WORKER),
                "{{model_version}} / {{policy_version}} / {{feature_schema}}",
            ),
        ),
        about="Workers by what decides there. More than one line: a change is under way, or stands half done.",
        kind="stat",
        width=10,
    ),
    Panel(
        "What the model's step goes by",
        (in_words(Metric.ENFORCEMENT, "state", WORKER),),
        about="Workers by state. tried: the model enforces nothing.",
        kind="stat",
        width=8,
    ),
    Panel("Models refused", (Query(level(Metric.MODELS_REFUSED, where=WORKER), "since start"),), kind="stat", width=6),
    Panel("Age of the measure", (Query(age(Metric.MEASURED, where=WORKER), "latest call"),), "s", kind="stat", width=6),
    Panel(
        "Lawful calls in the measure",
        (Query(level(Metric.MEASURED_CALLS, how="min", where=WORKER), "calls"),),
        kind="stat",
        width=6,
    ),
    Panel(
        "Margins from which on calls are hit",
        (Query(f"{level(Metric.THRESHOLD_MARGIN, 'action', how='max', where=WORKER)} or vector(0)", "{{action}}"),),
        about="Log-odds. 0 without a name: no measure is in force.",
        kind="stat",
        width=6,
    ),
    Panel(
        "Alarms",
        (Query(level(Metric.MODEL_ALARM, "alarm", how="max", where=WORKER), "{{alarm}}"),),
        kind="stat",
        width=6,
    ),
)
_STEP = (
    Panel(
        "The model's step: enforced, per second",
        (Query(trouble(Metric.DECISIONS, "action", f'{_MODEL},action!="allow"'), "{{action}}"),),
        "cps",
        width=12,
    ),
    Panel(
        "The model's step: only tried, per second",
        (
            Query(
                trouble(Metric.DECISIONS, "would_be", f'{_MODEL},mode="shadow",would_be!="allow"'), "would {{would_be}}"
            ),
        ),
        "cps",
        "These calls were allowed.",
        width=12,
    ),
)
_DRIFT = (
    Panel(
        "Features that moved most",
        (
            Query(
                f'topk({_MOST_FEATURES}, max by (feature) ({Metric.FEATURE_PSI}{{{WORKER},feature=~"$feature"}}))',
                "{{feature}}",
            ),
        ),
        about="Population stability index: from 0.2 on a feature is not what it was.",
        width=12,
    ),
    Panel(
        "Features and scores, as a whole",
        (
            Query(level(Metric.FEATURES_MOVED, how="max", where=WORKER), "features, weighted"),
            Query(level(Metric.SCORE_PSI, how="max", where=WORKER), "scores"),
        ),
        width=12,
    ),
    Panel(
        "Share of calls that reach a threshold, and its band",
        (
            Query(level(Metric.MODEL_SHARE, "threshold", how="max", where=WORKER), "{{threshold}}"),
            Query(level(Metric.MODEL_SHARE_BAND, "threshold", "end", how="max", where=WORKER), "{{threshold}} {{end}}"),
        ),
        "percentunit",
        width=24,
    ),
)
_SHADOW = (
    Panel(
        "Shadow model: calls per second, by what either would do",
        (
            Query(
                f"{rate(Metric.SHADOW_CALLS, 'model_version', 'active', 'shadow', where=WORKER)} or vector(0)",
                "{{model_version}}: {{active}}, shadow {{shadow}}",
            ),
        ),
        "cps",
        "By score and threshold alone. No call is decided by the shadow model.",
        width=16,
    ),
    Panel(
        "Shadow model: calls that it was too slow for, per second",
        (Query(f"{rate(Metric.SHADOW_SKIPPED, where=WORKER)} or vector(0)", "skipped"),),
        "cps",
    ),
)
_PEOPLE = (
    Panel(
        "Feedback per second, by what had been decided",
        (
            Query(
                f"{rate(Metric.FEEDBACK, 'verdict', 'decided', 'mode', where=WORKER)} or vector(0)",
                "{{verdict}}, was {{decided}} {{mode}}",
            ),
        ),
        "cps",
        width=6,
    ),
    Panel(
        "Reported lawful: blocked, and only tried to",
        (Query(trouble(Metric.FALSE_BLOCK_REPORTS, "mode", WORKER), "{{mode}}"),),
        "cps",
        width=6,
    ),
    Panel(
        "Calibration gap",
        (Query(level(Metric.CALIBRATION_GAP, how="max", where=WORKER), "mean score less share of robocalls"),),
        about="Over reported calls that were labelled or blocked; empty until there are enough.",
        width=6,
    ),
    Panel(
        "Feedback that cannot be used, per second",
        (Query(trouble(Metric.FEEDBACK_INVALID, "code", WORKER), "{{code}}"),),
        "cps",
        width=6,
    ),
)

MODEL_OWNER = Dashboard(
    "model-owner",
    "Robocall: model owner",
    "For the owner of the model: what decides, whether traffic has moved, how the shadow differs, what people say.",
    (Variable("worker", Metric.EVENTS, "instance"), Variable("feature", Metric.FEATURE_PSI, "feature")),
    (
        ("What decides", _DECIDES),
        ("What the model does", _STEP),
        ("Drift", _DRIFT),
        ("The model in the shadow", _SHADOW),
        ("What people say", _PEOPLE),
    ),
    range_s=86_400,
)
