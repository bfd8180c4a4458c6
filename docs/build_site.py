"""Build the site from the pages that are read on their own too: README, CONTRIBUTING, CHANGELOG and `docs/`.

Pages are copied, links to files that are no page become plain text, and pictures in Mermaid become SVG, so that who
views the site asks nothing of the network. A link or an anchor that leads nowhere ends the build. Knows nothing of what
the pages say.

Usage: python docs/build_site.py
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mmdr
import yaml

ROOT = Path(__file__).resolve().parents[1]
STAGE = ROOT / "build" / "pages"
FRONT_PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
"""Pages outside of `docs/`, and what they are called on the site."""

_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)")
_MERMAID = re.compile(r"^```mermaid\n(?P<source>.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


class SiteError(Exception):
    """A page cannot be on the site as it is; the message says which, and why."""


def staged(page: Path, text: str) -> str:
    """Return the text of a page as the site shows it.

    Args:
        page: Where it stands in the repository; links are relative to that.
        text: What it says.

    Raises:
        SiteError: it links to a file that does not exist.
    """
    parts = _FENCE.split(text)
    return "".join(_picture(part) if part.startswith("```") else _with_links(page, part) for part in parts)


def _picture(fence: str) -> str:
    """A Mermaid block becomes a picture; any other block stays."""
    return _MERMAID.sub(lambda found: f'<div class="picture">{mmdr.render(found["source"]).svg()}</div>', fence)


def _with_links(page: Path, text: str) -> str:
    return _LINK.sub(lambda found: _link(page, found["text"], found["target"]), text)


def _link(page: Path, text: str, target: str) -> str:
    path, _, anchor = target.partition("#")
    if "://" in target or target.startswith("mailto:") or not path:
        return f"[{text}]({target})"
    file = (page.parent / path).resolve()
    if not file.exists():
        raise SiteError(f"{page.relative_to(ROOT)}: no file {target}")
    place = _place(file)
    if place is None:
        return text
    here = _place(page)
    up = "../" * (len(here.parts) - 1 if here else 0)
    return f"[{text}]({up}{place.as_posix()}{'#' if anchor else ''}{anchor})"


def _place(file: Path) -> Path | None:
    """Where a file stands on the site; None when it is not on it."""
    name = file.relative_to(ROOT).as_posix()
    if name in FRONT_PAGES:
        return Path(FRONT_PAGES[name])
    if name.startswith("docs/") and file.suffix in {".md", ".png", ".json", ".svg"}:
        return Path(name.removeprefix("docs/"))
    return None


def stage() -> None:
    """Write all pages and pictures to the folder that the site is built from; what was there before goes."""
    shutil.rmtree(STAGE, ignore_errors=True)
    files = [ROOT / name for name in FRONT_PAGES] + [file for file in (ROOT / "docs").rglob("*") if file.is_file()]
    for file in files:
        place = _place(file)
        if place is None:
            continue
        copy = STAGE / place
        copy.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".md":
            copy.write_text(staged(file, file.read_text(encoding="utf-8")), encoding="utf-8")
        else:
            shutil.copyfile(file, copy)


def require_all_in_navigation(configuration: str) -> None:
    """Check that the navigation and the staged pages are the same set.

    Raises:
        SiteError: a page is in one of them only.
    """
    listed = set(_pages(yaml.safe_load(configuration)["nav"]))
    present = {file.relative_to(STAGE).as_posix() for file in STAGE.rglob("*.md")}
    if listed != present:
        raise SiteError(f"in the navigation of mkdocs.yml or in docs/, but not in both: {sorted(listed ^ present)}")


def _pages(entry: object) -> Iterator[str]:
    """The pages of a part of the navigation."""
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, (dict, list)):
        for inner in entry.values() if isinstance(entry, dict) else entry:
            yield from _pages(inner)


def main() -> int:
    """Stage and build; return the exit status."""
    try:
        stage()
        require_all_in_navigation((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    except SiteError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    build = ("-m", "zensical", "build", "--strict", "--clean", "--config-file", str(ROOT / "mkdocs.yml"))
    return subprocess.run([sys.executable, *build], cwd=ROOT, check=False).returncode  # noqa: S603 - a fixed command


if __name__ == "__main__":
    sys.exit(main())
