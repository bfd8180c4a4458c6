"""For the platform engineer: whether every process keeps up, what it lost, what it holds in memory."""

from streams.contract_docs.dashboards.panels import (
    WORKER,
    Dashboard,
    Panel,
    Query,
    Variable,
    age,
    in_words,
    level,
    mean,
    quantiles,
    rate,
    trouble,
)
from streams.contract_docs.dashboards.verifying import VERIFYING
from streams.metrics import Metric

_KEEPING_UP = (
    Panel("Call events per second", (Query(rate(Metric.EVENTS, "type", where=WORKER), "{{type}}"),), "cps", width=6),
    Panel(
        "Unread call events, by worker", (Query(level(Metric.LAG, "instance", where=WORKER), "{{instance}}"),), width=6
    ),
    Panel(
        "Time from arrival in Kafka to decision",
        quantiles(Metric.SINCE_ARRIVAL, where=WORKER, of=(0.5, 0.99, 0.999)),
        "s",
        "Includes the offset between the clocks of worker and broker.",
        width=6,
    ),
    Panel("Events in one go, mean", (Query(mean(Metric.BATCH_EVENTS, WORKER), "events"),), width=6),
    Panel(
        "What waits",
        (
            Query(level(Metric.HELD_BACK, where=WORKER), "held back by a transaction"),
            Query(level(Metric.UNPUBLISHED, where=WORKER), "decisions not yet safe"),
        ),
        width=6,
    ),
    Panel(
        "Decisions cannot be published",
        (Query(level(Metric.OUTAGE, "instance", how="max", where=WORKER), "{{instance}}"),),
        "s",
        "Seconds since when; 0: they can.",
        width=6,
    ),
    Panel(
        "Records that only inform and wait",
        (Query(f"{level(Metric.SIDE_WAITING, 'topic', where=WORKER)} or vector(0)", "{{topic}}"),),
        "bytes",
        width=6,
    ),
    Panel(
        "Clock ahead of the brokers'",
        (Query(level(Metric.CLOCK_AHEAD, "instance", how="max", where=WORKER), "{{instance}}"),),
        "s",
        width=6,
    ),
)
_TROUBLE = (
    Panel("Dead letters per second", (Query(trouble(Metric.DEAD_LETTERS, "code", WORKER), "{{code}}"),), "cps"),
    Panel("Internal errors per second", (Query(trouble(Metric.INTERNAL_ERRORS, "cause", WORKER), "{{cause}}"),), "cps"),
    Panel(
        "Records that only inform, dropped per second",
        (Query(trouble(Metric.SIDE_DROPPED, "topic", WORKER), "{{topic}}"),),
        "cps",
    ),
    Panel(
        "What producers do wrong, per second",
        (
            Query(rate(Metric.KEY_MISMATCHES, where=WORKER), "key is not the number"),
            Query(rate(Metric.STRAY_PARTITIONS, where=WORKER), "another partitioner"),
            Query(rate(Metric.PLACES_CHECKED, where=WORKER), "(events checked for that)"),
            Query(rate(Metric.CLOCK_SKEW, where=WORKER), "wrong clock"),
            Query(rate(Metric.REPEATED_SETUPS, where=WORKER), "set-up again"),
            Query(rate(Metric.REPEATED_ENDS, where=WORKER), "end again"),
        ),
        "cps",
        width=12,
    ),
    Panel(
        "Put right in events, per second",
        (Query(trouble(Metric.REPAIRED, "repair", WORKER), "{{repair}}"),),
        "cps",
        width=12,
    ),
    Panel(
        "Never read, since start",
        (
            Query(f"{level(Metric.UNREADABLE, 'code', where=WORKER)} or vector(0)", "batches left out: {{code}}"),
            Query(level(Metric.LOST, where=WORKER), "records deleted before they were read"),
            Query(f"{level(Metric.LOG_CHANGES, 'change', where=WORKER)} or vector(0)", "another log: {{change}}"),
        ),
        kind="stat",
        width=12,
    ),
    Panel(
        "Redis: what made no sense",
        (Query(trouble(Metric.REDIS_SKIPPED, "kind", WORKER), "{{kind}}"),),
        "cps",
        width=12,
    ),
)
_PARTITIONS = (
    Panel("Partitions by state", (Query(level(Metric.PARTITIONS, "state", where=WORKER), "{{state}}"),), width=6),
    Panel(
        "Partitions without a leader, or that take nothing",
        (
            Query(level(Metric.LEADERLESS, where=WORKER), "call-events without a leader"),
            Query(level(Metric.UNWRITABLE, where=WORKER), "call-decisions take nothing"),
        ),
        width=6,
    ),
    Panel(
        "Given partitions, and begun without a snapshot",
        (
            Query(level(Metric.ASSIGNMENTS, "instance", where=WORKER), "assignments {{instance}}"),
            Query(level(Metric.WARM_STARTS, "instance", where=WORKER), "cold partitions {{instance}}"),
        ),
        about="Since start.",
        width=6,
    ),
    Panel(
        "Latest restoration",
        (Query(level(Metric.RESTORE, "instance", how="max", where=WORKER), "{{instance}}"),),
        "s",
        width=6,
    ),
    Panel(
        "Age of the latest snapshot",
        (Query(age(Metric.SNAPSHOT_TIMESTAMP, "instance", where=WORKER), "{{instance}}"),),
        "s",
        width=6,
    ),
    Panel(
        "Size of the latest snapshot",
        (Query(level(Metric.SNAPSHOT_BYTES, "instance", where=WORKER), "{{instance}}"),),
        "bytes",
        width=6,
    ),
    Panel(
        "Snapshots per minute",
        (
            Query(f"60 * {rate(Metric.SNAPSHOTS, where=WORKER)}", "published"),
            Query(f"60 * {rate(Metric.SNAPSHOT_FAILURES, where=WORKER)}", "failed"),
        ),
        width=6,
    ),
    Panel(
        "Longest step of a snapshot",
        (Query(level(Metric.SNAPSHOT_STEP, how="max", where=WORKER), "event loop held"),),
        "s",
        width=6,
    ),
)
_MEMORY = (
    Panel("Keys with windows, by family", (Query(level(Metric.TRACKED_KEYS, "family", where=WORKER), "{{family}}"),)),
    Panel(
        "Keys pushed out at the memory bound, per second",
        (Query(rate(Metric.EVICTIONS, "family", where=WORKER), "{{family}}"),),
        "cps",
    ),
    Panel(
        "Standing decisions pushed out, per second",
        (Query(trouble(Metric.STANDING_EVICTED, "by", WORKER), "{{by}}"),),
        "cps",
    ),
    Panel(
        "Memory",
        (
            Query("max by (job, instance) (process_resident_memory_bytes)", "{{job}} {{instance}}"),
            Query(level(Metric.DNO_BYTES, how="max", where=WORKER), "of it do-not-originate lists of a worker"),
        ),
        "bytes",
    ),
    Panel(
        "Processor",
        (Query("sum by (job, instance) (rate(process_cpu_seconds_total[$__rate_interval]))", "{{job}} {{instance}}"),),
        "percentunit",
    ),
    Panel("Open files", (Query("max by (job, instance) (process_open_fds)", "{{job}} {{instance}}"),)),
    Panel("Trunk totals: workers by view", (in_words(Metric.TRUNK_VIEW, "view", WORKER),), kind="stat"),
    Panel(
        "Trunk totals: share of others' that is known",
        (Query(level(Metric.TRUNK_KNOWN, how="min", where=WORKER), "least"),),
        "percentunit",
    ),
    Panel("Trunk totals: age", (Query(level(Metric.TRUNK_AGE, how="max", where=WORKER), "oldest"),), "s"),
)
_ARCHIVE = (
    Panel(
        "Archive: records per second",
        (
            Query(rate(Metric.ARCHIVE_RECORDS), "in files"),
            Query(rate(Metric.ARCHIVE_REFUSED), "break the contract"),
            Query(rate(Metric.ARCHIVE_FILES), "files"),
        ),
        "cps",
        width=6,
    ),
    Panel(
        "Archive: what waits",
        (
            Query(level(Metric.ARCHIVE_LAG), "not read"),
            Query(level(Metric.ARCHIVE_WAITING), "read, in no file yet"),
        ),
        width=6,
    ),
    Panel(
        "Archive: age of the last file",
        (Query(age(Metric.ARCHIVE_FILE_TIMESTAMP, "instance"), "{{instance}}"),),
        "s",
        width=6,
    ),
    Panel(
        "Archive: partitions, and batches left out",
        (
            Query(level(Metric.ARCHIVE_PARTITIONS, "instance"), "partitions {{instance}}"),
            Query(level(Metric.ARCHIVE_UNREADABLE), "batches left out"),
        ),
        kind="stat",
        width=6,
    ),
    Panel(
        "Campaigns: how far it has read",
        (Query(level(Metric.CAMPAIGN_LAG), "records not read"),),
        width=12,
    ),
    Panel(
        "Campaigns: calls without a set-up, and no room, per second",
        (
            Query(rate(Metric.CAMPAIGN_MISSED), "set-up did not come"),
            Query(rate(Metric.CAMPAIGN_FORGOTTEN), "went for want of room"),
        ),
        "cps",
        width=12,
    ),
)
_BRIDGE = (
    Panel(
        "Bridge: calls per second, by dip and answer",
        (Query(rate(Metric.BRIDGE_DIPS, "dip", "answer"), "{{dip}} {{answer}}"),),
        "cps",
        is_stacked=True,
    ),
    Panel("Bridge: from arrival to answer", quantiles(Metric.BRIDGE_SECONDS, "dip", of=(0.5, 0.99, 0.999)), "s"),
    Panel(
        "Bridge: what waits, and bridges that get no decisions",
        (
            Query(level(Metric.BRIDGE_WAITING), "calls wait for a decision"),
            Query(level(Metric.BRIDGE_UNPUBLISHED), "events not yet safe"),
            Query(f"sum({Metric.BRIDGE_HEALTHY} == bool 0)", "bridges without decisions"),
        ),
    ),
    Panel(
        "Bridge: no question of a peer, per second",
        (Query(trouble(Metric.BRIDGE_JUNK, "reason"), "{{reason}}"),),
        "cps",
    ),
    Panel("Bridge: events lost per second", (Query(trouble(Metric.BRIDGE_LOST, "reason"), "{{reason}}"),), "cps"),
    Panel("Bridge: internal errors per second", (Query(trouble(Metric.BRIDGE_ERRORS, "cause"), "{{cause}}"),), "cps"),
)

PLATFORM = Dashboard(
    "platform",
    "Robocall: platform engineer",
    "For the platform engineer: whether every process keeps up, what it lost, what it holds in memory.",
    (Variable("worker", Metric.EVENTS, "instance"),),
    (
        ("Keeping up", _KEEPING_UP),
        ("Trouble", _TROUBLE),
        ("Partitions and snapshots", _PARTITIONS),
        ("Memory, processor, trunk totals", _MEMORY),
        ("Archive and campaigns", _ARCHIVE),
        ("Bridge", _BRIDGE),
        ("Signatures", VERIFYING),
    ),
)
