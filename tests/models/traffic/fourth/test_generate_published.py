"""The fourth author's traffic against published figures: those that the page names, six carriers taken together."""

from dataclasses import replace

import pytest

from models.traffic.fourth.generate import drawn
from models.traffic.span import DEFAULT_START_MS
from tests.models.traffic.test_authors_published import calls_of, figures

SEEDS = range(1, 7)
CALLS = 4_000
SHARE = 0.075

BANDS = {
    "signed": (33.0, 49.0),  # TransNexus, 2024: 35 to 49
    "signed A": (25.0, 33.0),  # 31 to 32
    "robocalls": (6.5, 8.5),  # as asked for
    "robocalls of A": (3.4, 7.0),  # 3.4
    "robocalls of unsigned": (5.0, 8.0),  # 5 to 7
    "robocalls of B": (12.0, 27.0),  # 21 to 27
    "robocalls of C": (16.0, 40.0),  # 16 to 40
    "persons answered": (55.0, 85.0),  # Sippy: about 70
    "diallers answered": (10.0, 35.0),  # Sippy: 20 where call centres dial
    "conversations above 120 s": (20.0, 100.0),  # Legal Calls Only: a fifth
    "robocalls' mean talk": (0.0, 70.0),  # below 60 s of diallers; here are those who pump toll-free numbers, too
    "robocalls below 60 s": (82.0, 100.0),  # nine of ten, likewise
    "lawful short talks": (0.0, 15.0),  # Telnyx charges above 15
    "robocalls' short talks": (15.0, 100.0),
}
"""From and to, in per cent and seconds; behind each what is published."""


@pytest.mark.slow
def test_figures_are_near_those_published() -> None:
    """Robocalls are rarest at level A and most common at level C; what lies outside a little is said on the page."""
    found = figures(
        calls_of([replace(drawn(seed, start_ms=DEFAULT_START_MS, calls=CALLS), robocall_share=SHARE) for seed in SEEDS])
    )

    shares = [found[f"robocalls of {level}"] for level in ("A", "unsigned", "B", "C")]
    assert shares == sorted(shares)
    for name, (low, high) in BANDS.items():
        assert low <= found[name] <= high, f"{name} is {found[name]:.1f}"
