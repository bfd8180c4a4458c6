"""What `robocall verify` counts is what the page of metrics says."""

from streams.metrics import Metric
from streams.verifying.metrics import OTHER, SIGNED, VerifyMetrics


def test_records_by_kind_and_how_far_it_is_behind() -> None:
    metrics = VerifyMetrics()
    metrics.went_on(SIGNED, 2)
    metrics.went_on(OTHER, 3)
    metrics.lag = lambda: {0: 5, 7: 0}

    found = {(one.name, *one.labels.values()): one.value for family in metrics.collect() for one in family.samples}

    assert {key: value for key, value in found.items() if not key[0].endswith("_created")} == {
        (Metric.VERIFY_RECORDS, SIGNED): 2,
        (Metric.VERIFY_RECORDS, OTHER): 3,
        (Metric.VERIFY_LAG, "0"): 5,
        (Metric.VERIFY_LAG, "7"): 0,
    }
