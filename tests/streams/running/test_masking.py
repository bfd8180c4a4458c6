"""No line of a number is left to be read, in whatever text it stands."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.running.masking import masked, masked_values


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+12025550123", "+1202555••••"),
        ("12025550123", "1202555••••"),
        ("+442079460000", "+44207946••••"),
        ("+1-202-555-0123", "+1-202-555-••••"),
        ("(202) 555-0123", "(202) 555-••••"),
        ("sip:+12025550123@192.0.2.1", "sip:+1202555••••@192.0.2.1"),
        ("alice.doe@example.com", "••••@example.com"),
        ("from +12025550123 to +13125550142", "from +1202555•••• to +1312555••••"),
        ("911", "911"),
        ("told on 2026-11-28 10:05, 202-555-0123", "told on 2026-11-28 10:05, 202-555-••••"),
        ("2026-11-28 +12025550123", "2026-11-28 +1202555••••"),
        ("2026-11-28-3456", "2026-11-28-••••"),
        ("as redress-20261128-91f0b7de33", "as redress-20261128-91f0b7de33"),
        ("cd7456291ae was merged into it", "cd7456291ae was merged into it"),
        ("c2025550123", "c202555••••"),
        ("gbt-13c6d2693490 runs", "gbt-13c6d2693490 runs"),
        ("gbt-002025550123", "gbt-00202555••••"),
        ("x-20255501-2345678901", "x-20255501-234567••••"),
        ("f293527d-ae33-4321-8f4e-f3a4c2b87251 100%", "f293527d-ae33-4321-8f4e-f3a4c2b87251 100%"),
        ("709J:F293527D-AE33-4321-8F4E-F3A4C2B87251.", "709J:F293527D-AE33-4321-8F4E-F3A4C2B87251."),
        ("f293527d-ae33-4321-8f4e-f3a4c2b87251 2025550123", "f293527d-ae33-4321-8f4e-f3a4c2b87251 202555••••"),
        ("20255501-2320-4321-8444-202555012322", "20255501-2320-4321-8444-20255501••••"),
        ("f293527d-ae33-4321-8f4e-f3a4c2b87251-2025550123", "f293527d-ae33-4•••-•f4e-f3a4c2b87251-202555••••"),
        ("f293527d-ae33-4321-8f4e-2025550123", "f293527d-ae33-4•••-•f4e-202555••••"),
        ("2025550123 7%", "202555•••• 7%"),
        ("2025550123%", "202555••••%"),
        ("202/555/0123", "202/555/••••"),
        ("+1_202_555_0123", "+1_202_555_••••"),
        ("202 - 555 - 0123", "202 - 555 - ••••"),
        ("(202)  555  0123", "(202)  555  ••••"),
        ("202\u2013555\u20110123 an\u200bd 911", "202\u2013555\u2011•••• an\u200bd 911"),
        ("+1\xa0202\xa0555\xa00123", "+1\xa0202\xa0555\xa0••••"),
        ("202\u200b55501\u200b2\xad3", "202\u200b555••\u200b•\xad•"),
        (
            "\uff0b\uff11\uff12\uff10\uff12\uff15\uff15\uff15\uff10\uff11\uff12\uff13",
            "\uff0b\uff11\uff12\uff10\uff12\uff15\uff15\uff15••••",
        ),
        ("\u0662\u0660\u0662\u0665\u0665\u0665\u0660\u0661\u0662\u0663", "\u0662\u0660\u0662\u0665\u0665\u0665••••"),
        ("1,234,567 calls \u2013 12 in all", "1,234,567 calls \u2013 12 in all"),
        ("é 12345\n67", "é 12345\n67"),
        ("anonymous", "anonymous"),
        ("tg-chi-7", "tg-chi-7"),
        ("", ""),
    ],
)
def test_the_last_four_digits_are_covered(text: str, shown: str) -> None:
    """Short codes and words stay."""
    assert masked(text) == shown


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.sampled_from(["", " ", "x", "<", ":", "-a"]))
def test_no_number_keeps_its_last_digits_whatever_stands_around_it(number: str, around: str) -> None:
    """Seven digits or more."""
    shown = masked(f"{around}{number}{around}")

    assert number[-4:] not in shown.replace(number[:-4], "", 1)
    assert number[:-4] in shown


def test_numbers_are_covered_in_every_text_of_a_record_and_codes_stay() -> None:
    """Ids, instants and codes of providers have as many digits as a number."""
    inner = {"calling_number": "+12025550123", "time_ms": 1_790_000_000_000}
    record: dict[str, Any] = {
        "case_id": "redress-20261128-3f9a2b71c0", "subject": "number:+12025550123", "opened_ms": 1_790_000_000_000,
        "details": {"due_ms": "1790000000000", "frn": "0012345678", "entries": "+12025550123 trunk:x", "n": None,
                    "traceback": json.dumps(inner)},
        "history": [{"who": "mlee@example.com", "why": "call 202-555-0123"}], "source_ip": "203.0.113.250",
    }  # fmt: skip

    shown = masked_values(record)

    assert shown == record | {
        "subject": "number:+1202555••••",
        "details": record["details"] | {
            "entries": "+1202555•••• trunk:x",
            "traceback": json.dumps(inner | {"calling_number": "+1202555••••"}, ensure_ascii=False),
        },
        "history": [{"who": "mlee@example.com", "why": "call 202-555-••••"}],
    }  # fmt: skip
    assert masked_values({"subject": "list:2025550123"}) == {"subject": "list:2025550123"}


@pytest.mark.parametrize("text", ['{"a": "+12025550123"', "[" * 100_000, "[+12025550123"])
def test_a_text_that_only_looks_like_json_is_masked_as_it_is(text: str) -> None:
    assert "0123" not in masked_values(text, "note")


@pytest.mark.parametrize("text", ["a", "1", "1-", "@", "(", "2026-11-28 ", "\uff11", "1\u200b"])
def test_a_long_text_is_masked_in_time(text: str) -> None:
    """A case may have 256 KiB of text that somebody else wrote: no expression reads it more than some times."""
    began_s = time.process_time()
    masked(text * 100_000)
    assert time.process_time() - began_s < 5
