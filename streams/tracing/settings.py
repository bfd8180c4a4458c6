"""Settings of traces: environment variables `ROBOCALL_TRACES_...`. Where they go, the `OTEL_...` variables say."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from streams.environment import PartSettings
from streams.settings import PREFIX

TRACES_PREFIX = f"{PREFIX}TRACES_"


class TraceSettings(PartSettings):
    """What an operator may set. Endpoint, headers, certificates, queue and service name are read by the SDK."""

    model_config = SettingsConfigDict(env_prefix=TRACES_PREFIX)

    sample_ratio: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of calls that bridge and workers trace, the same in all of them; 0 = none. It needs "
        "`ROBOCALL_LOG_KEY`. `OTEL_TRACES_SAMPLER` is not read.",
    )
