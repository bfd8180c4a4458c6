"""Settings of `robocall campaigns`: environment variables `ROBOCALL_CAMPAIGNS_...`."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from streams.environment import PartSettings
from streams.settings import PREFIX

CAMPAIGNS_PREFIX = f"{PREFIX}CAMPAIGNS_"


class CampaignSettings(PartSettings):
    """What an operator may set. How Kafka is reached stands in `streams.settings`."""

    model_config = SettingsConfigDict(env_prefix=CAMPAIGNS_PREFIX)

    consumer_group: str = Field(
        "robocall-campaigns", min_length=1, max_length=200, description="Kafka group that keeps how far it has read."
    )
    score: float = Field(
        0.9, gt=0, le=1, description="A call is suspect from this score on, and where its decision labels or blocks."
    )
    idle_h: float = Field(
        24.0, ge=0.1, le=720, description="What comes by a way that was idle for longer is another campaign."
    )
    most: int = Field(5_000, ge=10, le=100_000, description="Campaigns that are kept; the longest idle goes first.")
    keep_days: float = Field(
        35.0, ge=1, le=3_650, description="A campaign that has not called for so long is forgotten, its numbers too."
    )
    publish_s: float = Field(2.0, ge=0.1, le=60, description="How often campaigns that changed are published.")
    web_host: str = Field("127.0.0.1", min_length=1, description="Address that the metrics are served on.")
    web_port: int = Field(0, ge=0, le=65_535, description="Port of the metrics; 0 = none.")
