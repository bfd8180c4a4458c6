"""Commands as somebody types them, run in this process."""

from collections.abc import Mapping

from click.testing import CliRunner, Result

from streams.commands.main import robocall


def typed(*arguments: object, text: str | None = None, environment: Mapping[str, str | None] | None = None) -> Result:
    """What `robocall` with these arguments answers; an error is in the answer.

    Args:
        arguments: texts, or what `str` makes texts of.
        text: what comes from standard input.
        environment: over that of this process.
    """
    return CliRunner().invoke(robocall, list(map(str, arguments)), input=text, env=environment)
