"""What the service tells Prometheus."""

from prometheus_client import CollectorRegistry, generate_latest

from streams.campaigns.metrics import CampaignMetrics, Standing


def test_the_page_follows_the_service() -> None:
    metrics = CampaignMetrics()
    registry = CollectorRegistry()
    registry.register(metrics)
    metrics.standing = Standing(calls=7, missed=1, campaigns=2, forgotten=3, lag=4)
    text = generate_latest(registry).decode()
    for line in (
        "robocall_campaign_calls_total 7.0",
        "robocall_campaign_missed_total 1.0",
        "robocall_campaigns 2.0",
        "robocall_campaign_forgotten_total 3.0",
        "robocall_campaign_lag_records 4.0",
    ):
        assert f"\n{line}\n" in text
