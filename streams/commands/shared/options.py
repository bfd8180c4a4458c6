"""Options that several commands have, and what was typed."""

import shlex
from datetime import UTC, datetime
from typing import Any

import click
import msgspec
from click.core import ParameterSource

JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


class Instant(click.ParamType):
    """A UTC day or an ISO 8601 instant; UTC where no offset is given."""

    name = "DAY|INSTANT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read what was given."""
        try:
            instant = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither a day, 2026-11-25, nor an instant, 2026-11-25T14:00:00", param, ctx)
        return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def epoch_ms(instant: datetime) -> int:
    """Epoch milliseconds."""
    return round(instant.timestamp() * 1_000)


def in_json(content: Any) -> str:
    """JSON of a value type that msgspec knows, or of what JSON is made of."""
    return msgspec.json.encode(content).decode()


def made_by(context: click.Context) -> dict[str, str]:
    """The command as it was typed, without where its result goes, and the commit of the code.

    Args:
        context: Of the command.
    """
    from models.judge.report.quality import commit  # noqa: PLC0415 - scikit-learn takes seconds

    options = {parameter.name: parameter.opts[0] for parameter in context.command.params}
    typed = ["robocall", str(context.info_name)]
    for name, value in context.params.items():
        if name != "out" and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            for one in value if isinstance(value, tuple) else (value,):
                typed += [options[name]] if one is True else [options[name], str(one)]
    return {"command": shlex.join(typed), "commit": commit()}
