"""The pinned requirements: all that `pyproject.toml` asks for, in releases that it allows, each with its hashes."""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = {
    # file: the extras and groups that whoever installs from it gets
    "all.txt": ("archive", "bench", "dev", "docs", "local", "oidc", "s3", "traces", "build", "installer"),
    "image.txt": ("archive", "oidc", "s3", "traces", "build"),
}
REFUSED = ("://", "--index-url", "--extra-index-url", "--find-links", "--trusted-host")


def asked(more: tuple[str, ...]) -> list[Requirement]:
    """What `pyproject.toml` names for the package, and for these extras and groups."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = pyproject["project"]["optional-dependencies"] | pyproject["dependency-groups"]
    return list(map(Requirement, chain(pyproject["project"]["dependencies"], *(named[one] for one in more))))


def pinned(file: str) -> dict[str, list[Requirement]]:
    """The lines of a lock by name: a package may stand there once for each range of Pythons."""
    text = (ROOT / "requirements" / file).read_text()
    found: dict[str, list[Requirement]] = {}
    for line in re.findall(r"^[a-z0-9].*?(?= *\\?$)", text, re.MULTILINE):
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def version(requirement: Requirement) -> str:
    """The one release that a line of a lock allows."""
    (specifier,) = requirement.specifier
    assert specifier.operator == "=="
    return specifier.version


def test_all_is_all() -> None:
    """Developers and CI get every extra and every group, but what `make audit` keeps in a place of its own."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = {*pyproject["project"]["optional-dependencies"], *pyproject["dependency-groups"]}
    assert {*LOCKS["all.txt"], "audit"} == named


@pytest.mark.parametrize("file", LOCKS)
def test_what_is_asked_for_is_pinned(file: str) -> None:
    """`make lock` after each change of `pyproject.toml`."""
    lock = pinned(file)
    for requirement in asked(LOCKS[file]):
        lines = lock.get(canonicalize_name(requirement.name), [])
        assert lines, f"{requirement.name} is not in requirements/{file}: make lock"
        assert all(requirement.specifier.contains(version(line)) for line in lines), f"{requirement}: make lock"


@pytest.mark.parametrize("file", [*LOCKS, "uv.txt"])
def test_every_pin_has_hashes_and_names_no_index(file: str) -> None:
    """Whoever installs brings an index; the hashes say that it gave the right files."""
    text = (ROOT / "requirements" / file).read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) == sum(map(len, pinned(file).values()))
    assert all("--hash=sha256:" in entry for entry in entries)
    assert [word for word in REFUSED if word in text] == []


@pytest.mark.parametrize("file", ["image.txt", "uv.txt"])
def test_the_image_runs_what_was_tested(file: str) -> None:
    """The same releases in all files."""
    everything = pinned("all.txt")
    for name, lines in pinned(file).items():
        assert set(map(version, lines)) <= set(map(version, everything[name])), name
