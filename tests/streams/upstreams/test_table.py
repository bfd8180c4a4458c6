"""A carrier's table into entries: columns by any name, and refusals that name the line."""

from datetime import date

import pytest

from streams.upstreams.entries import UpstreamRole, UpstreamsInvalid
from streams.upstreams.table import read_table


def test_a_table_with_its_own_columns_is_read() -> None:
    lines = [
        "Trunk;Carrier;role;FRN;Since;traceback_clause;ocn;other\n",
        'w-7;"Acme; LLC";Gateway;12345678;03/01/2025;Yes;9206;x\n',
        "w-8;Borealis;customer;;;no;;y\n",
    ]
    columns = {"trunk_group_id": "Trunk", "legal_name": "Carrier", "frn": "FRN", "contract_date": "Since"}

    first, second = read_table(lines, columns, delimiter=";", day_format="%m/%d/%Y")

    assert (first.trunk_group_id, first.legal_name, first.role, first.frn, first.ocn, first.contract_date) == (
        "w-7", "Acme; LLC", UpstreamRole.GATEWAY, "0012345678", "9206", date(2025, 3, 1),
    )  # fmt: skip
    assert (first.traceback_clause, second.traceback_clause, second.frn) == (True, False, None)


HEAD = "trunk_group_id,legal_name,role,contract_date,traceback_clause"


@pytest.mark.parametrize(
    ("rows", "columns", "complaint"),
    [
        ([], {}, "it has no line below its heading"),
        (["a,b,gateway,,"], {"color": "x"}, "color: no field; they are trunk_group_id, "),
        (["a,b,gateway,,"], {"frn": "FRN"}, "no column FRN: its columns are trunk_group_id, "),
        (["a,b,gateway,,", "c,d,peer,,"], {}, "line 3 (c): role: input should be"),
        (["a,,gateway,,"], {}, "line 2 (a): legal_name: missing: add it"),
        (["a,b,gateway,,maybe"], {}, "line 2: traceback_clause: yes or no is wanted"),
        (["a,b,gateway,1.3.25,"], {}, "line 2: contract_date: '1.3.25' is no day as %Y-%m-%d: --date-format says how"),
        (["a,b,gateway"], {}, "line 2: it has another number of cells than the heading"),
        (["a,b,gateway,,,,"], {}, "line 2: it has another number of cells than the heading"),
        (["a,b,gateway,,", "a,c,gateway,,"], {}, "entry 2: trunk group a has entry 1 already"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(rows: list[str], columns: dict[str, str], complaint: str) -> None:
    with pytest.raises(UpstreamsInvalid) as refused:
        read_table([f"{line}\n" for line in (HEAD, *rows)], columns)

    assert str(refused.value).startswith(complaint)
