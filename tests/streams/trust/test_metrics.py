"""What a scrape says of verifying: as it was told, and lists by their age."""

import math

from detector.trust.verdict import Cause, Refused
from streams.trust.cache import ChainCache
from streams.trust.metrics import ListFigures, TrustMetrics


def test_everything_that_was_told_is_in_a_scrape() -> None:
    metrics = TrustMetrics(lambda: 1_000.0)
    metrics.verified(Cause.PASSED)
    metrics.looked_up("memory")
    metrics.fetched("fetched", 0.3)
    metrics.internal_error("KeyError")
    cache = ChainCache(10, 1_000)
    cache.refuse("a", Refused(Cause.CERTIFICATE_UNAVAILABLE, "away"), 1)
    metrics.cached(cache)
    metrics.lists = lambda: {"anchors": ListFigures(900.0, None, 11, 2), "withdrawn": ListFigures()}
    metrics.forgotten = lambda: 3

    samples = [one for family in metrics.collect() for one in family.samples]
    found = {(one.name.removeprefix("robocall_trust_"), *one.labels.values()): one.value for one in samples}

    assert found["verdicts_total", "passed"] == 1
    assert found["certificates_total", "memory"] == 1
    assert found["fetches_total", "fetched"] == 1
    assert found["errors_total", "KeyError"] == 1
    assert (found["fetch_seconds_sum",], found["fetch_seconds_bucket", "0.25"]) == (0.3, 0)
    assert (found["cached", "chains"], found["cached", "failures"], found["cached_bytes",]) == (0, 1, 0)
    assert found["tokens_forgotten_total",] == 3
    assert (found["list_age_seconds", "anchors"], found["list_entries", "anchors"]) == (100.0, 11)
    assert found["list_failures_total", "anchors"] == 2
    assert math.isnan(found["list_age_seconds", "withdrawn"])
    assert math.isnan(found["list_end_timestamp_seconds", "anchors"])
