"""The header that tests of snapshot files and of their store begin from."""

from streams.state.snapshot_format import Header

HEADER = Header(
    topic="call-events",
    partition=3,
    offset=100,
    generation=7,
    created_ms=1_760_000_000_000,
    layout="layout-a",
    feature_schema="schema-a",
    partitions=12,
    instance="worker-1",
)
