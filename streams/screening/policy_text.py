"""Change single settings in the text of a policy file; every other line stays as a person wrote it.

It knows YAML and no policy: callers read the text again, and hold it against what they wanted.
"""

from collections.abc import Iterable, Mapping

import yaml

from streams.yaml_files import PlainLoader


def with_setting(text: str, key: str, value: str) -> str:
    """Give a setting another value; one that does not stand there comes to the end.

    Args:
        text: Of a policy file that can be read; empty for a new one.
        key: At the top, whose value is one word or number.
        value: As YAML writes it.
    """
    node = _value_of(_root(text), key)
    return _added(text, f"{key}: {value}") if node is None else _replaced(text, node, value)


def with_items(text: str, key: str, items: Iterable[str]) -> str:
    """Put items before those of a list.

    Args:
        text: As above.
        key: Of the list, at the top.
        items: As YAML writes them in one line.

    Raises:
        TypeError: the key stands there, and is no list.
    """
    root, made = _root(text), list(items)
    node = _value_of(root, key)
    in_one_line = ", ".join(made)
    if node is None:
        is_flow = root is not None and root.flow_style
        return _added(text, f"{key}: [{in_one_line}]" if is_flow else "\n  - ".join([f"{key}:", *made]))
    start, end = node.start_mark.index, node.end_mark.index
    if not isinstance(node, yaml.SequenceNode):
        raise TypeError(f"{key} is no list")
    if not node.flow_style:
        indent = " " * node.start_mark.column
        return text[:start] + "".join(f"- {item}\n{indent}" for item in made) + text[start:]
    if node.value or (root is not None and root.flow_style):
        return f"{text[: start + 1]}{in_one_line}{', ' if node.value else ''}{text[start + 1 :]}"
    line, newline, below = text[end:].partition("\n")
    return "\n  - ".join([text[:start].rstrip(" ") + line, *made]) + (newline or "\n") + below


def with_fields(text: str, key: str, place: int, fields: Mapping[str, str]) -> str:
    """Give fields of an item of a list other values; those that do not stand there come first in it.

    Args:
        text: As above.
        key: Of the list, at the top.
        place: Of the item in the list, from 0 on.
        fields: Values by name, as YAML writes them in one word.

    Raises:
        TypeError: there is no such item.
    """
    for name, value in fields.items():
        held = _value_of(_root(text), key)
        item = held.value[place] if held is not None else None
        if not isinstance(item, yaml.MappingNode):
            raise TypeError(f"{key} has no item {place} with fields")
        node = _value_of(item, name)
        text = _replaced(text, node, value) if node is not None else _put_first(text, item, f"{name}: {value}")
    return text


def _root(text: str) -> yaml.MappingNode | None:
    root = yaml.compose(text, Loader=PlainLoader)
    return root if isinstance(root, yaml.MappingNode) else None


def _value_of(mapping: yaml.MappingNode | None, key: str) -> yaml.Node | None:
    pairs = () if mapping is None else mapping.value
    return next((value for name, value in pairs if name.value == key), None)


def _replaced(text: str, node: yaml.Node, value: str) -> str:
    return text[: node.start_mark.index] + value + text[node.end_mark.index :]


def _added(text: str, line: str) -> str:
    """At the end of the file; first between the braces where all of it stands in such."""
    root = _root(text)
    if root is not None and root.flow_style:
        return _put_first(text, root, line)
    return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n"


def _put_first(text: str, mapping: yaml.MappingNode, pair: str) -> str:
    start = mapping.start_mark.index
    if mapping.flow_style:
        return f"{text[: start + 1]}{pair}{', ' if mapping.value else ''}{text[start + 1 :]}"
    return f"{text[:start]}{pair}\n{' ' * mapping.start_mark.column}{text[start:]}"
