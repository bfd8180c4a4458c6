"""How commands show telephone numbers: masked, as the console does, or whole to who may see them and says why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click
import msgspec

from streams.cases.recording import record
from streams.cases.roles import Role, require
from streams.running.masking import masked, masked_values
from streams.wire.cases import MAX_WHY, CaseKind

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Numbers:
    """Whether numbers are shown whole.

    Attributes:
        why: Why they are; None masks them.
    """

    why: str | None = None

    def text(self, text: str) -> str:
        """A text with its numbers as they are shown."""
        return text if self.why is not None else masked(text)

    def of(self, found: T) -> T:
        """A record with its numbers as they are shown: a value type that msgspec knows, or what JSON is made of."""
        if self.why is not None:
            return found
        return msgspec.convert(masked_values(msgspec.to_builtins(found)), type(found))

    def note(self, subject: str) -> None:
        """Record that whole numbers were shown, and why; nothing where they were masked. It blocks for Kafka.

        Args:
            subject: Of what, `case:` or `campaign:` and its id.
        """
        if self.why is not None:
            record(CaseKind.LOOK_UP, "unmasked", subject=subject, why=self.why)


MASKED = Numbers()


def unmask_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--unmask WHY` to a command, which gets `numbers`; it ends at once where this user has no such role."""
    text = "Show whole numbers. Needs the role unmask; WHY is recorded."
    return click.option("--unmask", "numbers", metavar="WHY", callback=_asked, help=text)(command)


def _asked(context: click.Context, option: click.Parameter, why: str | None) -> Numbers:
    if why is None:
        return Numbers()
    if not 0 < len(why.strip()) <= MAX_WHY:
        raise click.BadParameter(f"say why, in 1 to {MAX_WHY:,} characters", context, option)
    require(Role.UNMASK)
    return Numbers(why.strip())
