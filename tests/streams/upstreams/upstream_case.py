"""Entries of the register and rows of the database, all made up."""

from datetime import date
from typing import Any

from streams.upstreams.database import Database, Filing
from streams.upstreams.entries import Registration, State, Upstream, UpstreamRole

TODAY = date(2026, 11, 28)
LISTED = Registration(state=State.LISTED, as_of=date(2026, 11, 20))
FILINGS = (
    Filing("RMD0000001", "0000000011", "Acme Telecom, LLC", roles=frozenset({UpstreamRole.INTERMEDIATE})),
    Filing(
        "RMD0000002", "0000000022", "Borealis Voice Inc.", other_frns=("0000000023",), other_names=("Aurora Calls",)
    ),
    Filing("RMD0000003", "0000000033", "Twin Networks"),
    Filing("RMD0000004", "0000000044", "TWIN NETWORKS"),
)
DATABASE = Database(FILINGS)


def upstream(trunk: str = "tg-1", **more: Any) -> Upstream:
    """An entry that is in order."""
    values: dict[str, Any] = {
        "trunk_group_id": trunk,
        "legal_name": "Acme Telecom, LLC",
        "role": UpstreamRole.INTERMEDIATE,
        "contract_date": date(2026, 3, 1),
        "traceback_clause": True,
        "registration": LISTED,
    }
    return Upstream(**(values | more))
