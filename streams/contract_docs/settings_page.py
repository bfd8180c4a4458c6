"""The page `docs/settings.md`: every environment variable, from the classes that read them."""

from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import FilePath, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from streams.archive.settings import ArchiveSettings
from streams.bridge.settings import BridgeSettings
from streams.campaigns.settings import CampaignSettings
from streams.cases.settings import CaseSettings
from streams.console.settings import ConsoleSettings
from streams.settings import Settings
from streams.traceback.settings import TracebackSettings
from streams.tracing.settings import TraceSettings
from streams.trust.settings import TrustSettings
from streams.upstreams.settings import UpstreamsSettings
from streams.verifying.settings import VerifySettings

_OPENING = """\
# Settings

Every setting is an environment variable. A command reads them once, at its start. A value out of its bounds ends it
with one line that names the variable. An empty variable counts as one that is not set. `robocall doctor` names
variables that begin with `ROBOCALL_` and that nobody reads. `make docs` writes this page from `streams/settings.py` and
the `settings.py` of the rooms that have their own.
"""
SECTIONS: Mapping[str, str] = {
    "kafka_bootstrap_servers": "How Kafka is spoken to",
    "consumer_group": "The group of the workers, and their work",
    "decision_deadline_ms": "Late answers, overload and wrong clocks",
    "snapshot_url": "Snapshots and recovery",
    "redis_url": "Redis or Valkey",
    "assigned_codes_file": "Numbers, and the names of campaigns",
    "policy_file": "Policy and model",
    "max_hot_numbers": "Windows and their memory",
    "web_host": "Health, metrics and log",
}
"""Headings by the first field below them, in the order of `Settings`."""

TRUST_SECTIONS: Mapping[str, str] = {
    "anchors_url": "Whom signatures are verified by",
    "cache_url": "Certificates: fetched and kept",
}
"""Likewise of `TrustSettings`."""

UNITS: Mapping[str, str] = {
    "_ms": "milliseconds",
    "_s": "seconds",
    "_after_days": "days",
    "_ratio": "ratio",
    "_bytes": "bytes",
    "_port": "TCP port",
    "_hours": "hours",
    "_days": "days",
}
"""Units by the ending of a name. Counts have none."""
_TYPES: Mapping[Any, str] = {
    bool: "`true`, `false`",
    str: "text",
    int: "whole number",
    float: "number",
    Path: "path",
    FilePath: "path of a file",
    SecretStr: "secret text",
}
"""In words; a type that is not here has none yet."""


def render_page() -> str:
    """Make the text of the page."""
    lines = [*_tables(Settings, SECTIONS), *_tables(ArchiveSettings, {"url": "Of `robocall archive`"})]
    lines += _tables(BridgeSettings, {"peers_file": "Of `robocall bridge`"})
    lines += _tables(CampaignSettings, {"consumer_group": "Of `robocall campaigns`"})
    lines += _tables(CaseSettings, {"operator": "Of cases: redress, and the records of who did what"})
    lines += _tables(ConsoleSettings, {"host": "Of `robocall console`"})
    lines += _tables(TracebackSettings, {"name": "Of `robocall traceback`"})
    lines += _tables(TraceSettings, {"sample_ratio": "Traces of calls"})
    lines += _tables(TrustSettings, TRUST_SECTIONS)
    lines += _tables(UpstreamsSettings, {"file": "The register of upstreams"})
    lines += _tables(VerifySettings, {"topic": "Of `robocall verify`"})
    return _OPENING + "\n".join(lines) + "\n"


def _tables(settings: type[BaseSettings], sections: Mapping[str, str]) -> Iterator[str]:
    prefix = settings.model_config["env_prefix"]
    for name, field in settings.model_fields.items():
        if name in sections:
            yield f"\n## {sections[name]}\n"
            yield "| variable | default | values | unit | meaning |"
            yield "|---|---|---|---|---|"
        unit = "" if field.annotation is bool else _unit(name)
        cells = (f"`{prefix}{name.upper()}`", _default(field), _values(field), unit, field.description or "")
        yield "| " + " | ".join(cells) + " |"


def _unit(name: str) -> str:
    return next((unit for ending, unit in UNITS.items() if name.endswith(ending)), "")


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:  # depends on the machine: its docstring says how
        return str(field.default_factory.__doc__).partition("\n")[0].rstrip(".")
    value = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    if value is None or not str(value):
        return "none"
    return f"`{_plain(value)}`"


def _plain(value: object) -> str:
    """Write a value as it is given in the environment: `true` and `false`, no thousands separator, no `.0`."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _values(field: FieldInfo) -> str:
    """Name the type of a value in words, or list the values, with bounds where there are any."""
    kind = field.annotation
    if get_origin(kind) in {Union, UnionType}:
        (kind,) = (one for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(f"`{member.value}`" for member in kind)
    above = next((rule.gt for rule in field.metadata if isinstance(rule, Gt)), None)
    low = next((rule.ge for rule in field.metadata if isinstance(rule, Ge)), None)
    high = next((rule.le for rule in field.metadata if isinstance(rule, Le)), None)
    if high is not None and above is not None:
        return f"above {_plain(above)}, to {_plain(high)}"
    if low is not None and high is not None:
        return f"{_plain(low)} to {_plain(high)}"
    return _TYPES[kind]
