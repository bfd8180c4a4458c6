"""The benchmark of the console reads whatever the application has."""

from pathlib import Path

import pytest

from benchmarks.console_pages.day import day_of
from benchmarks.console_pages.routes import WAYS_ROUND, Subjects, addresses, named, read_routes, routes_of, unread
from streams.console.subjects import Kind, Links, Subject
from tests.streams.console.console_case import decided, make_users

LINKS = Links(b"s" * 64)
SUBJECTS: Subjects = {
    "number": [Subject(Kind.NUMBER, "+12025550123")],
    "campaign": [Subject(Kind.CAMPAIGN, "c0123456789")],
    "redress": [Subject(Kind.CASE, "redress-20261129-0123456789")],
}


def test_every_page_of_the_application_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A route that is added has an address, or its part is loaded by a page; else the benchmark says what it is."""
    make_users(tmp_path / "users.json")
    monkeypatch.setenv("ROBOCALL_CONSOLE_USERS_FILE", str(tmp_path / "users.json"))

    paths = read_routes(routes_of())
    found = {path: addresses(path, LINKS, SUBJECTS) for path in paths}

    assert {"/now", "/now/figures", "/about/{link}", "/campaigns/{link}", "/cases/{link}/record", "/sign-in"} <= set(
        paths
    )
    assert not WAYS_ROUND.keys() & set(paths)
    assert {path for path, several in found.items() if not several} <= {"/about/{link}/{place}"}


def test_a_page_is_read_for_each_of_its_subjects_and_for_no_other() -> None:
    """Cases and campaigns have rooms of their own."""
    made = {
        path: [one.name for one in addresses(path, LINKS, SUBJECTS)]
        for path in ("/about/{link}/history", "/cases/{link}/record")
    }

    assert made == {
        "/about/{link}/history": ["/about/{number}/history"],
        "/cases/{link}/record": ["/cases/{redress}/record"],
    }


def test_a_part_is_named_by_what_it_is_about() -> None:
    campaign = LINKS.link(SUBJECTS["campaign"][0])

    assert named(f"/about/{campaign}/archive", LINKS, SUBJECTS).name == "/about/{campaign}/archive"
    assert named("/campaigns/list?within=24", LINKS, SUBJECTS).name == "/campaigns/list"


def test_a_route_that_nobody_read_and_a_part_that_nobody_knows_are_told() -> None:
    read = ["/now", "/about/abc/redis", "/campaigns/list?within=1"]

    assert unread(["/now", "/about/{link}/{place}", "/campaigns/list", "/cases/{link}"], read) == ["/cases/{link}"]
    with pytest.raises(SystemExit, match="nobody knows"):
        addresses("/workers/{name}", LINKS, SUBJECTS)


def test_a_day_without_suspects_has_no_campaign_and_keeps_its_decisions() -> None:
    decisions = [decided(number) for number in range(3)]

    day = day_of([], decisions)

    assert (day.decisions, day.campaigns) == (decisions, [])
