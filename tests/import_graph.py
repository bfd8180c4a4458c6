"""The import graph as a picture in docs/architecture.md: rooms of the three packages, and which imports which.

    python -m tests.import_graph            writes it
    python -m tests.import_graph --check    fails when it is old

It is drawn from the imports that are there, not from the rules that pyproject.toml makes for them.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

import grimp

PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"
PACKAGES = ("streams", "models", "detector")
PLACE = re.compile(r"(<!-- import graph -->\n).*?(<!-- /import graph -->)", re.DOTALL)
Arrows = dict[str, set[str]]


def main() -> None:
    """Write the picture, or say that it is old."""
    old = PAGE.read_text()
    new = PLACE.sub(lambda found: f"{found[1]}{picture(arrows())}\n{found[2]}", old)
    if new == old:
        return
    if "--check" in sys.argv[1:]:
        raise SystemExit(f"{PAGE.name} shows old imports: make docs")
    PAGE.write_text(new)


def arrows() -> Arrows:
    """For each room, `streams.wire`, the other rooms that its modules import. Between packages it is the packages."""
    graph = grimp.build_graph(*PACKAGES)
    found: Arrows = defaultdict(set)
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            inside = module.split(".")[0] == imported.split(".")[0]
            one, other = (room(name) if inside else name.split(".")[0] for name in (module, imported))
            if one != other:
                found[one].add(other)
    return found


def room(module: str) -> str:
    """The first two names: `streams.wire.scan` stands in `streams.wire`."""
    return ".".join(module.split(".")[:2])


def picture(found: Arrows) -> str:
    """Mermaid: one box a package. An arrow that follows from two others is left out."""
    lines = ["```mermaid", "flowchart TD"]
    for package in PACKAGES:
        inside = {one: others for one, others in found.items() if one.startswith(f"{package}.")}
        rooms = sorted(set(inside).union(*inside.values()))
        lines += [f'  subgraph {package}["{package}/"]']
        lines += [f"    {_node(one)}[{one.removeprefix(f'{package}.')}]" for one in rooms]
        lines += [f"    {_node(one)} --> {_node(other)}" for one in rooms for other in sorted(direct(inside, one))]
        lines += ["  end"]
    lines += [f"  {one} ==> {other}" for one in PACKAGES for other in sorted(direct(found, one))]
    return "\n".join([*lines, "```"])


def _node(name: str) -> str:
    return name.replace(".", "_")


def direct(found: Arrows, one: str) -> set[str]:
    """What a room imports and does not reach through another room that it imports."""
    others = found.get(one, set())
    return others - {far for other in others for far in reached(found, other) if far != other}


def reached(found: Arrows, one: str, seen: frozenset[str] = frozenset()) -> set[str]:
    """All that is imported from here on, this room included."""
    further = found.get(one, set()) - seen
    return {one}.union(*(reached(found, other, seen | further) for other in further))


if __name__ == "__main__":
    main()
