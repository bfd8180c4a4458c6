"""Know your upstream: each thing that may be wrong with an entry, and nothing of one that is in order."""

from datetime import date, timedelta
from typing import Any

import pytest

from streams.upstreams.entries import Registration, State, Sure, UpstreamRole
from streams.upstreams.findings import CHECK_EVERY_DAYS, Kind, findings_of
from tests.streams.upstreams.upstream_case import LISTED, TODAY, upstream


def kinds(**entry: Any) -> list[Kind]:
    return [one.kind for one in findings_of([upstream(**entry)], TODAY, 365)]


def registration(state: State, **more: Any) -> dict[str, object]:
    return {"registration": Registration(state=state, as_of=TODAY, **more)}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, []),
        (registration(State.MISSING), [Kind.MISSING]),
        (registration(State.WITHDRAWN), [Kind.WITHDRAWN]),
        (registration(State.UNSURE, by=Sure.NAME_NEAR, rmd_number="RMD0000001"), [Kind.UNSURE]),
        (registration(State.LISTED, conflict="it is filed as RMD0000001"), [Kind.CONFLICT]),
        ({"registration": None}, [Kind.UNCHECKED]),
        ({"traceback_clause": None}, [Kind.NO_CLAUSE]),
        ({"traceback_clause": False}, [Kind.NO_CLAUSE]),
        ({"contract_date": None}, [Kind.OLD]),
        ({"contract_date": TODAY - timedelta(days=366)}, [Kind.OLD]),
        ({"contract_date": TODAY - timedelta(days=365)}, []),
        ({"contract_date": date(2001, 1, 1), "reviewed_date": TODAY}, []),
        ({"role": UpstreamRole.CUSTOMER, "registration": None}, []),
        (
            {"registration": None, "traceback_clause": False, "contract_date": None},
            [Kind.UNCHECKED, Kind.NO_CLAUSE, Kind.OLD],
        ),
    ],
)
def test_what_is_wrong_is_said(entry: dict[str, object], expected: list[Kind]) -> None:
    assert kinds(**entry) == expected


def test_an_old_look_into_the_database_is_said_beside_what_it_found() -> None:
    old = LISTED.model_copy(update={"state": State.MISSING, "as_of": TODAY - timedelta(days=CHECK_EVERY_DAYS + 1)})

    assert kinds(registration=old) == [Kind.UNCHECKED, Kind.MISSING]


def test_findings_name_their_trunk_group_and_say_what_to_do() -> None:
    (found,) = findings_of([upstream("a"), upstream("b", registration=None)], TODAY, 365)

    assert (found.trunk_group_id, found.kind) == ("b", Kind.UNCHECKED)
    assert "robocall upstreams check --rmd FILE --record" in found.text
