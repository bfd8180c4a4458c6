"""Makes the tracer of a process where calls are to be traced; else nothing of OpenTelemetry is imported."""

from typing import TYPE_CHECKING

from streams.errors import SettingsInvalid
from streams.log import NumberDigest
from streams.settings import PREFIX, Settings
from streams.tracing.sampling import Sampling
from streams.tracing.settings import TRACES_PREFIX, TraceSettings

if TYPE_CHECKING:
    from streams.tracing.tracer import CallTracer


def make_tracer(settings: Settings, service: str) -> "CallTracer | None":
    """Make the tracer; None where no calls are traced, as unless set otherwise. Called once, at the start.

    Args:
        settings: of the process; its log key chooses calls, and makes digests and trace ids.
        service: its name, where `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` give none.

    Raises:
        SettingsInvalid: the key or the extra is missing, or a variable of OpenTelemetry is wrong.
    """
    ratio = TraceSettings.load().sample_ratio
    if not ratio:
        return None
    if settings.log_key is None:
        raise SettingsInvalid(
            f"{TRACES_PREFIX}SAMPLE_RATIO needs {PREFIX}LOG_KEY, the same in all processes: calls are chosen by it"
        )
    try:
        from streams.tracing.tracer import CallTracer  # noqa: PLC0415 - an extra, and half a second of imports
    except ModuleNotFoundError as error:
        raise SettingsInvalid(
            f"{TRACES_PREFIX}SAMPLE_RATIO needs OpenTelemetry: pip install '.[traces]' in the checkout"
        ) from error
    key = settings.log_key.get_secret_value()
    try:
        return CallTracer(service, Sampling(key, ratio), NumberDigest(key))
    except ValueError as error:
        raise SettingsInvalid(f"a variable OTEL_... is wrong: {error}") from error
