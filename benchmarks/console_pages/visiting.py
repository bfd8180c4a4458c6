"""A browser without a picture: it signs in, reads every address again and again, and notes how long each took."""

import re
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence

import httpx

from benchmarks.console_pages.routes import Address, Subjects, addresses, named, unread
from streams.console.subjects import Links

NAME, PASSWORD = "ada", "a password of the benchmark"
CSRF = re.compile(r'name="csrf" value="([^"]+)"')
LOADED = re.compile(r'hx-get="([^"]+)"')
NOTHING_SEEN = re.compile(
    r"did not answer within|does not answer \(|is busy with the questions|could not be read|No archive:"
)
"""What a part says that was made without what it is about."""
LOOKED_AT_ANYHOW = frozenset({"/queues/alarms"})
"""Pages whose content is that something does not answer."""


class Visit:
    """Goes around.

    Args:
        client: with the address of the console; follows redirects.
        links: of the console.
        subjects: of its pages.

    Attributes:
        took: milliseconds by name of what was read.
    """

    def __init__(self, client: httpx.Client, links: Links, subjects: Subjects) -> None:
        self._client, self._links, self._subjects = client, links, subjects
        self._csrf = ""
        self._known: dict[str, Address] = {}
        self.took: dict[str, list[float]] = defaultdict(list)

    @property
    def names(self) -> set[str]:
        """Of what is read."""
        return {one.name for one in self._known.values()}

    def sign_in(self) -> None:
        """Open the form and send it."""
        self._read(self._client.get("/sign-in"))
        self._read(self._client.post("/sign-in", data={"csrf": self._csrf, "name": NAME, "password": PASSWORD}))

    def find(self, paths: Sequence[str]) -> None:
        """Read each route once, and what its pages load by themselves; what is there for no subject is left out.

        Raises:
            SystemExit: a route was not read, or an answer is no page.
        """
        waiting = [one for path in paths for one in addresses(path, self._links, self._subjects)]
        while waiting:
            one = waiting.pop()
            if one.path in self._known:
                continue
            answer = self._client.get(one.path)
            if answer.status_code == httpx.codes.NOT_FOUND and "{" in one.name:
                continue  # there is no such part of this subject
            self._read(answer)
            self._known[one.path] = one
            loaded = (part.replace("&amp;", "&") for part in LOADED.findall(answer.text))
            waiting += [named(part, self._links, self._subjects) for part in loaded]
        if missing := unread(paths, self._known):
            raise SystemExit(f"wrong run: nothing was read at {', '.join(missing)}")

    def around(self, sought: Iterable[str]) -> None:
        """Read everything once, and look for some texts by the search box."""
        for one in self._known.values():
            self._timed(one.name, "GET", one.path)
        for text in sought:
            form = {"csrf": self._csrf, "q": text}
            self._timed(f"/search for a {text.partition(':')[0]}", "POST", "/search", form)

    def _timed(self, name: str, method: str, path: str, form: dict[str, str] | None = None) -> None:
        began_s = time.perf_counter()
        answer = self._client.request(method, path, data=form)
        self.took[name].append(1_000 * (time.perf_counter() - began_s))
        self._read(answer)

    def _read(self, answer: httpx.Response) -> None:
        path = answer.request.url.path
        if answer.status_code != httpx.codes.OK:
            raise SystemExit(f"wrong run: {path} answered {answer.status_code}")
        is_page = answer.headers.get("content-type", "").startswith("text/html")
        if is_page and path not in LOOKED_AT_ANYHOW and (said := NOTHING_SEEN.search(answer.text)):
            raise SystemExit(f"wrong run: {path} says {answer.text[max(0, said.start() - 80) : said.end() + 80]!r}")
        if is_page and (found := CSRF.search(answer.text)):
            self._csrf = found[1]
