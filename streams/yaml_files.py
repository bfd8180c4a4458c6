"""YAML that people write, read with a bound; whatever is wrong with it is one line."""

from pathlib import Path
from typing import Any

import yaml

from detector.contract.errors import RobocallError


class PlainLoader(yaml.SafeLoader):
    """YAML without aliases, which can blow a small file up, duplicate keys, of which one would be lost, and tags."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Make a node; an alias is an error, and so is a tag."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", event.start_mark)
        if event.tag is not None:
            raise yaml.composer.ComposerError(None, None, "tags are not allowed", event.start_mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Make a value; one that only looks like a number or a date is an error with its place."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:
            kind = node.tag.rpartition(":")[2]
            problem = f"what looks like {kind} is none: put it in quotes"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Make a mapping; a key that stands twice is an error."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class _PlainDumper(yaml.SafeDumper):
    """YAML that `PlainLoader` reads: a value that stands twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def dump_yaml(content: Any) -> str:
    """Text of plain values that `read_yaml` reads again, keys in their order."""
    text: str = yaml.dump(content, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=1_000)
    return text


def read_yaml(path: Path, most_bytes: int, invalid: type[RobocallError], otherwise: str) -> Any:
    """Read a file. It blocks for the disk, and for as long as its text takes to read.

    Args:
        path: of the file.
        most_bytes: that it may have.
        invalid: what is raised.
        otherwise: what to do where there is no such file.

    Raises:
        RobocallError: `invalid`; the file cannot be opened, is too large, or is no YAML.
    """
    try:
        with path.open("rb") as file:
            text = file.read(most_bytes + 1)
    except OSError as error:
        raise invalid(f"{path}: {error.strerror}; {otherwise}") from error
    if len(text) > most_bytes:
        raise invalid(f"{path}: larger than {most_bytes:,} bytes")
    try:
        return yaml.load(text, Loader=PlainLoader)  # noqa: S506 - a SafeLoader, made stricter
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", look at line {mark.line + 1}: {getattr(error, 'problem', 'not understood')}"
        raise invalid(f"{path}: no YAML{where}") from error
