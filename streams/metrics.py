"""Every metric family that our processes expose: the one table from which code, tests and `docs/metrics.md` take names.

A name is a member of `Metric`, so that a misspelt one is an error of types. The table knows nothing of who counts: each
room does in its own `metrics`, the worker also in `streams.worker.model_metrics`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, Self

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

Kind = Literal["counter", "gauge", "histogram"]

_FAMILIES: dict[Kind, type[CounterMetricFamily | GaugeMetricFamily]]
_FAMILIES = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}


class Metric(StrEnum):
    """A family; the value is the name under which Prometheus stores it (a histogram adds `_bucket`, `_sum`, `_count`).

    Attributes:
        kind: what Prometheus calls its type. A counter begins at 0 with the process.
        unit: of its values.
        meaning: one sentence, the HELP text of the page.
        labels: names of its labels, in the order in which values are given.
    """

    kind: Kind
    unit: str
    meaning: str
    labels: tuple[str, ...]

    def __new__(cls, exposed_name: str, kind: Kind, unit: str, meaning: str, *labels: str) -> Self:
        """Make a member of one row of the table."""
        member = str.__new__(cls, exposed_name)
        member._value_ = exposed_name
        member.kind, member.unit, member.meaning, member.labels = kind, unit, meaning, labels
        return member

    # fmt: off
    # What a worker counts
    EVENTS = "robocall_events_total", "counter", "events", "Call events read.", "type"
    DECISIONS = (
        "robocall_decisions_total", "counter", "decisions",
        "Decisions published. `would_be`: in shadow, what `enforce` would have done; else empty.",
        "action", "decided_by", "mode", "would_be",
    )
    DEAD_LETTERS = "robocall_dead_letters_total", "counter", "records", "Records that could not be used.", "code"
    INTERNAL_ERRORS = (
        "robocall_internal_errors_total", "counter", "errors",
        "Internal errors; each call concerned was allowed.", "cause",
    )
    FAIL_OPEN = "robocall_fail_open_total", "counter", "calls", "Calls allowed because of an internal error."
    PASSED_UNSCORED = (
        "robocall_passed_unscored_total", "counter", "calls",
        "Calls allowed whatever their score: late, for overload, or while lists were unknown.", "reason",
    )
    CLOCK_SKEW = (
        "robocall_clock_skew_total", "counter", "events",
        "Events whose switch had a wrong clock, counted at their arrival.",
    )
    KEY_MISMATCHES = (
        "robocall_key_mismatches_total", "counter", "events", "Events whose key is not their calling number.",
    )
    PLACES_CHECKED = (
        "robocall_places_checked_total", "counter", "events",
        "Sampled call events whose partition was held against their key.",
    )
    STRAY_PARTITIONS = (
        "robocall_stray_partitions_total", "counter", "events",
        "Those of them that are not in the partition of their key: their producer has another partitioner.",
    )
    UNBELIEVED = (
        "robocall_unbelieved_priorities_total", "counter", "calls",
        "Calls that claim an emergency priority without a trusted trunk group or signature; judged like others.",
    )
    REPEATED_SETUPS = (
        "robocall_repeated_setups_total", "counter", "events",
        "Call setups that came before, counted once and answered again as the first time.",
    )
    REPEATED_ENDS = "robocall_repeated_ends_total", "counter", "events", "Call ends that came before, counted once."
    REPAIRED = (
        "robocall_events_repaired_total", "counter", "repairs",
        "Formatted numbers, long texts, long call ids and unknown values of optional fields in events, put right.",
        "repair",
    )
    SINCE_SETUP = (
        "robocall_decision_since_setup_seconds", "histogram", "seconds",
        "From the switch's setup time to the decision; includes the offset between the clocks.",
    )
    SINCE_ARRIVAL = (
        "robocall_decision_since_arrival_seconds", "histogram", "seconds",
        "From the time stamp of the record in Kafka to the decision.",
    )
    BATCH_EVENTS = "robocall_batch_events", "histogram", "events", "Events screened in one go."
    UNREADABLE = (
        "robocall_unreadable_batches_total", "counter", "batches",
        "Batches of records that were stepped over, too large or damaged.", "topic", "code",
    )

    # Where a worker stands
    LAG = "robocall_lag_records", "gauge", "records", "Unread call events.", "partition"
    HELD_BACK = (
        "robocall_held_back_records", "gauge", "records",
        "Call events that wait for the end of a transaction, theirs or one before them.", "partition",
    )
    TRACKED_KEYS = "robocall_tracked_keys", "gauge", "keys", "Keys that have windows.", "family"
    EVICTIONS = (
        "robocall_evictions_total", "counter", "keys",
        "Keys pushed out at the memory bound, longest idle first.", "family",
    )
    TRUNK_VIEW = "robocall_trunk_view", "gauge", "0 or 1", "1 for the view of trunk totals in use.", "view"
    TRUNK_KNOWN = (
        "robocall_trunk_known_ratio", "gauge", "ratio", "Share of other workers' shares of trunk groups that is known.",
    )
    TRUNK_AGE = (
        "robocall_trunk_age_seconds", "gauge", "seconds",
        "How long ago all of these had last been read, and all own ones written.",
    )
    VERSIONS = (
        "robocall_versions_info", "gauge", "always 1", "1; the labels say what decides.",
        "model_version", "policy_version", "feature_schema",
    )
    OUTAGE = "robocall_outage_seconds", "gauge", "seconds", "How long decisions could not be published; 0 = they can."
    UNPUBLISHED = "robocall_unpublished_records", "gauge", "records", "Decisions not yet safe at the brokers."
    SIDE_WAITING = (
        "robocall_side_waiting_bytes", "gauge", "bytes", "Records that only inform and wait for their topic.", "topic",
    )
    SIDE_DROPPED = (
        "robocall_side_dropped_total", "counter", "records",
        "Records that only inform and were dropped, since their topic does not take them.", "topic", "reason",
    )

    # State of partitions and their snapshots
    PARTITIONS = "robocall_partitions", "gauge", "partitions", "Assigned partitions by state.", "state"
    LEADERLESS = (
        "robocall_partitions_without_leader", "gauge", "partitions", "Assigned partitions that no broker leads.",
    )
    UNWRITABLE = (
        "robocall_partitions_unwritable", "gauge", "partitions",
        "Partitions of `call-decisions` that take nothing for a second, though decisions wait for them.",
    )
    CLOCK_AHEAD = (
        "robocall_clock_ahead_seconds", "gauge", "seconds",
        "How far this worker's clock is ahead of the brokers', less than 0 where it is behind.",
    )
    LOG_CHANGES = (
        "robocall_log_changes_total", "counter", "partitions",
        "Partitions whose log was not the one that had been read: its topic `made_again`, its end `cut`, or `expired`.",
        "change",
    )
    LOST = "robocall_lost_records_total", "counter", "records", "Call events that were deleted before they were read."
    ASSIGNMENTS = (
        "robocall_assignments_total", "counter", "assignments", "Times that the group gave this worker partitions.",
    )
    WARM_STARTS = (
        "robocall_warm_starts_total", "counter", "partitions", "Partitions that began without a usable snapshot.",
    )
    RESTORE = "robocall_restore_seconds", "gauge", "seconds", "Time that the latest restoration of a partition took."
    SNAPSHOTS = "robocall_snapshots_total", "counter", "snapshots", "Snapshots published."
    SNAPSHOT_FAILURES = (
        "robocall_snapshot_failures_total", "counter", "snapshots", "Snapshots that could not be written or published.",
    )
    SNAPSHOT_TIMESTAMP = (
        "robocall_snapshot_timestamp_seconds", "gauge", "seconds since 1970", "When the latest one was published.",
    )
    SNAPSHOT_BYTES = "robocall_snapshot_bytes", "gauge", "bytes", "Size of the latest one, all partitions."
    SNAPSHOT_STEP = (
        "robocall_snapshot_step_seconds", "gauge", "seconds",
        "Longest that the event loop was held by a step of the latest one.",
    )

    # What it follows in Redis
    LISTS_SOURCE = (
        "robocall_lists_source", "gauge", "0 or 1",
        "1 for where the lists in force come from; while they are unknown every call passes.", "source",
    )
    LISTS_AGE = (
        "robocall_lists_age_seconds", "gauge", "seconds", "Since Redis last said that the lists in force are its own.",
    )
    DNO_ENTRIES = (
        "robocall_dno_list_entries", "gauge", "entries", "Entries of each do-not-originate list of others.", "list",
    )
    DNO_AGE = (
        "robocall_dno_list_age_days", "gauge", "days", "Since the day of each do-not-originate list of others.", "list",
    )
    DNO_REFUSED = (
        "robocall_dno_list_refused", "gauge", "0 or 1",
        "1 while a newer file of a do-not-originate list is not used, so that its last good one holds.", "list",
    )
    DNO_CONFIRMED = (
        "robocall_dno_confirmed_age_seconds", "gauge", "seconds",
        "Since the place of the do-not-originate lists last answered; `+Inf` where it never did.",
    )
    DNO_BYTES = "robocall_dno_bytes", "gauge", "bytes", "Memory that do-not-originate lists of others take."
    UPSTREAM_FINDINGS = "robocall_upstream_findings", "gauge", "findings", "What is wrong with upstreams.", "kind"
    UPSTREAMS_REFUSED = "robocall_upstreams_refused", "gauge", "0 or 1", "1 while their register cannot be read."
    EMERGENCY_HELD = (
        "robocall_emergency_list_held", "gauge", "0 or 1",
        "1 while the emergency list has vanished from Redis and the last one holds.",
    )
    REDIS_SKIPPED = (
        "robocall_redis_skipped_total", "counter", "values",
        "What stood in Redis, made no sense and was skipped.", "kind",
    )
    STANDING = "robocall_standing_decisions", "gauge", "entities", "Standing decisions in memory, by who decided.", "by"
    STANDING_EVICTED = (
        "robocall_standing_evicted_total", "counter", "entities",
        "Standing decisions that still held and were pushed out at the memory bound.", "by",
    )

    # Its models
    MODELS_REFUSED = (
        "robocall_models_refused_total", "counter", "models", "Models that were to be put in place and were not.",
    )
    MODEL_ALARM = (
        "robocall_model_alarm", "gauge", "0 or 1", "1 where a model needs a look: see `robocall doctor`.", "alarm",
    )
    ENFORCEMENT = (
        "robocall_model_enforcement", "gauge", "0 or 1",
        "1 for what the model's step goes by: `measured`, `labels`, `absolute`, or `tried` (nothing is enforced).",
        "state",
    )
    MEASURED = (
        "robocall_model_measured_timestamp_seconds", "gauge", "seconds since 1970",
        "Last call of the measure in force; NaN without one.",
    )
    MEASURED_CALLS = "robocall_model_measured_calls", "gauge", "calls", "Lawful calls that the measure rests on."
    THRESHOLD_MARGIN = (
        "robocall_model_threshold_margin", "gauge", "log-odds", "Margin from which on the budgets let calls be hit.",
        "action",
    )
    FEATURE_PSI = (
        "robocall_model_feature_psi", "gauge", "index", "Population stability index of each feature.", "feature",
    )
    FEATURES_MOVED = (
        "robocall_model_features_moved", "gauge", "index",
        "Mean of these indices without trunks, weighted by what a feature moves the score.",
    )
    SCORE_PSI = "robocall_model_score_psi", "gauge", "index", "Population stability index of the scores."
    MODEL_SHARE = "robocall_model_share", "gauge", "ratio", "Share of scored calls that reach a threshold.", "threshold"
    MODEL_SHARE_BAND = (
        "robocall_model_share_band", "gauge", "ratio", "Band in which that share is expected.", "threshold", "end",
    )
    SHADOW_CALLS = (
        "robocall_shadow_calls_total", "counter", "calls",
        "Calls scored by a second model, by what either would do.", "model_version", "active", "shadow",
    )
    SHADOW_SKIPPED = (
        "robocall_shadow_skipped_total", "counter", "calls", "Calls that the second model was too slow for.",
    )
    FEEDBACK = (
        "robocall_feedback_total", "counter", "records",
        "Feedback records read, by what was decided on the call; with `mode` `shadow` that was only tried.",
        "verdict", "source", "decided", "mode",
    )
    FALSE_BLOCK_REPORTS = (
        "robocall_false_block_reports_total", "counter", "calls",
        "Calls reported lawful that were blocked, or with `mode` `shadow` would have been.", "source", "step", "mode",
    )
    FEEDBACK_INVALID = (
        "robocall_feedback_invalid_total", "counter", "records", "Feedback records that cannot be used.", "code",
    )
    CALIBRATION_GAP = (
        "robocall_feedback_calibration_gap", "gauge", "difference of ratios",
        "Mean score minus share of robocalls, over the latest reported calls that were labelled or blocked.",
    )

    # What the sink of the archive counts
    ARCHIVE_RECORDS = "robocall_archive_records_total", "counter", "records", "Records in files."
    ARCHIVE_REFUSED = "robocall_archive_refused_total", "counter", "records", "Records that break the contract."
    ARCHIVE_UNREADABLE = "robocall_archive_unreadable_batches_total", "counter", "batches", "Batches stepped over."
    ARCHIVE_FILES = "robocall_archive_files_total", "counter", "files", "Files written."
    ARCHIVE_LAG = "robocall_archive_lag_records", "gauge", "records", "Records not read yet."
    ARCHIVE_WAITING = "robocall_archive_waiting_records", "gauge", "records", "Records read, in no file yet."
    ARCHIVE_PARTITIONS = "robocall_archive_partitions", "gauge", "partitions", "Partitions that this sink has."
    ARCHIVE_FILE_TIMESTAMP = (
        "robocall_archive_file_timestamp_seconds", "gauge", "seconds since 1970",
        "When the last file was written, or the start.",
    )

    # What the bridge counts
    BRIDGE_DIPS = (
        "robocall_bridge_dips_total", "counter", "calls",
        "Calls that were asked about, by what was answered: `allow`, `label`, `block`, `fail_open`, or `cancelled`.",
        "dip", "answer",
    )
    BRIDGE_FAIL_OPEN = (
        "robocall_bridge_fail_open_total", "counter", "calls",
        "Calls that the bridge passed without a decision; docs/bridge.md has the reasons.", "dip", "reason",
    )
    BRIDGE_JUNK = (
        "robocall_bridge_junk_total", "counter", "messages", "What came in and was not a question of a peer.",
        "dip", "reason",
    )
    BRIDGE_SECONDS = (
        "robocall_bridge_answer_seconds", "histogram", "seconds", "From a call's arrival at the bridge to its answer.",
        "dip",
    )
    BRIDGE_ERRORS = (
        "robocall_bridge_internal_errors_total", "counter", "errors",
        "Internal errors; each call concerned was passed.", "cause",
    )
    BRIDGE_WAITING = "robocall_bridge_waiting_calls", "gauge", "calls", "Calls that wait for a decision."
    BRIDGE_UNPUBLISHED = (
        "robocall_bridge_unpublished_records", "gauge", "records", "Call events not yet safe at the brokers.",
    )
    BRIDGE_LOST = (
        "robocall_bridge_lost_records_total", "counter", "records", "Call events that Kafka did not take.", "reason",
    )
    BRIDGE_HEALTHY = (
        "robocall_bridge_healthy", "gauge", "0 or 1", "1 while decisions come: Kafka answers, and so do the workers.",
    )
    # What verifying signatures counts
    TRUST_VERDICTS = "robocall_trust_verdicts_total", "counter", "calls", "Calls verified, by what came of it.", "cause"
    TRUST_LOOKUPS = (
        "robocall_trust_certificates_total", "counter", "lookups",
        "Certificates by where they were: `memory`, `shared`, `server`; `late` and `refused` had none in time.",
        "source",
    )
    TRUST_FETCHES = (
        "robocall_trust_fetches_total", "counter", "fetches",
        "Certificates asked for at their servers: `fetched`, or the cause why not.", "result",
    )
    TRUST_FETCH_SECONDS = (
        "robocall_trust_fetch_seconds", "histogram", "seconds",
        "How long such a fetch took, waiting for its turn included.",
    )
    TRUST_ERRORS = "robocall_trust_errors_total", "counter", "errors", "Internal errors of verifying.", "cause"
    TRUST_CACHED = "robocall_trust_cached", "gauge", "addresses", "Certificate addresses in memory.", "kind"
    TRUST_CACHED_BYTES = "robocall_trust_cached_bytes", "gauge", "bytes", "Size of the chains in memory, as fetched."
    TRUST_TOKENS_FORGOTTEN = (
        "robocall_trust_tokens_forgotten_total", "counter", "tokens",
        "Tokens forgotten before their time, for want of room: a replay of theirs is not found.",
    )
    TRUST_LIST_AGE = (
        "robocall_trust_list_age_seconds", "gauge", "seconds",
        "Since the list in force was last seen to be the latest; NaN without one.", "list",
    )
    TRUST_LIST_END = (
        "robocall_trust_list_end_timestamp_seconds", "gauge", "seconds since 1970",
        "When the list in force ends; NaN where it does not say.", "list",
    )
    TRUST_LIST_ENTRIES = (
        "robocall_trust_list_entries", "gauge", "certificates", "Certificates that the list in force names.", "list",
    )
    TRUST_LIST_FAILURES = (
        "robocall_trust_list_failures_total", "counter", "looks",
        "Looks at a list that brought none to use; the last good one stays.", "list",
    )
    # What `robocall verify` counts
    VERIFY_RECORDS = (
        "robocall_verify_records_total", "counter", "records",
        "Records that went on to `call-events`: `signed` set-ups, and `other` ones, as they came.", "kind",
    )
    VERIFY_LAG = (
        "robocall_verify_lag_records", "gauge", "records", "Raw records that were not handed on yet.", "partition",
    )
    # What `robocall campaigns run` counts
    CAMPAIGN_CALLS = "robocall_campaign_calls_total", "counter", "calls", "Suspect calls that were grouped."
    CAMPAIGN_MISSED = "robocall_campaign_missed_total", "counter", "calls", "Suspect calls whose set-up did not come."
    CAMPAIGN_FORGOTTEN = "robocall_campaign_forgotten_total", "counter", "entries", "What went for want of room."
    CAMPAIGNS = "robocall_campaigns", "gauge", "campaigns", "Campaigns that are remembered."
    CAMPAIGN_LAG = "robocall_campaign_lag_records", "gauge", "records", "Records not read yet."
    # What `robocall archive run` counts of cases, too
    CASES_WAITING = "robocall_cases_waiting", "gauge", "cases", "Cases that wait for an answer.", "kind"
    CASES_OVERDUE = "robocall_cases_overdue", "gauge", "cases", "Those of them whose answer is overdue.", "kind"
    # fmt: on

    @property
    def sample_names(self) -> tuple[str, ...]:
        """Names that may stand in a query."""
        is_histogram = self.kind == "histogram"
        return tuple(f"{self}{suffix}" for suffix in ("_bucket", "_sum", "_count")) if is_histogram else (str(self),)

    def counter(self, registry: CollectorRegistry) -> Counter:
        """Register what counts this family from 0."""
        return Counter(self, self.meaning, self.labels, registry=registry)

    def histogram(self, registry: CollectorRegistry, buckets: tuple[float, ...]) -> Histogram:
        """Register what observes this family; `buckets` are their upper bounds, in its unit."""
        return Histogram(self, self.meaning, self.labels, registry=registry, buckets=buckets)

    def one(self, value: float) -> CounterMetricFamily | GaugeMetricFamily:
        """Make the family for a scrape of a counter or gauge without labels."""
        return self.many({(): value})

    def many(self, values: Mapping[tuple[str, ...], float]) -> CounterMetricFamily | GaugeMetricFamily:
        """Make the family for a scrape of a counter or gauge: one sample for each tuple of label values, in order.

        Raises:
            KeyError: it is a histogram.
        """
        family: CounterMetricFamily | GaugeMetricFamily = _FAMILIES[self.kind](self, self.meaning, labels=self.labels)
        for labels, value in values.items():
            family.add_metric(labels, value)
        return family
