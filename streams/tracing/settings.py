"""Settings of traces: environment variables `ROBOCALL_TRACES_...`. Where they go, the `OTEL_...` variables say."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.settings import PREFIX, load_part

TRACES_PREFIX = f"{PREFIX}TRACES_"


class TraceSettings(BaseSettings):
    """What an operator may set. Endpoint, headers, certificates, queue and service name are read by the SDK."""

    model_config = SettingsConfigDict(env_prefix=TRACES_PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    sample_ratio: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of calls that bridge and workers trace, the same in all of them; 0 = none. It needs "
        "`ROBOCALL_LOG_KEY`. `OTEL_TRACES_SAMPLER` is not read.",
    )


def load_trace_settings(**overrides: object) -> TraceSettings:
    """Read the environment, once a command; keyword arguments win over it.

    Raises:
        SettingsInvalid: a value is out of its bounds, or a variable with this prefix is no setting.
    """
    return load_part(TraceSettings, "traces", **overrides)
