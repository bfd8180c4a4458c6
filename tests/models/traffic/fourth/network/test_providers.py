"""Calls come in by trunk groups that exist, with signatures that their provider would give."""

import numpy as np
import pytest

from models.traffic.fourth.attempts import BORROWED, OWN, SPOOFED, Attempts, make
from models.traffic.fourth.network.providers import KINDS, LEVELS, Providers

SEEDS = range(12)
SIZE = 4_000


def _attempts(providers: Providers, kind: str, right: int, random: np.random.Generator) -> Attempts:
    customers = providers.choose(kind, SIZE, random)
    return make(np.zeros(SIZE, dtype=np.int64), 1, 2, customer=customers, behaviour=0, kind=0, right=right)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_kind_of_provider_has_customers_and_known_trunk_groups(seed: int) -> None:
    providers, random = Providers(seed), np.random.default_rng(seed)

    assert len({name for name, _ in providers.trunks}) == len(providers.trunks)
    assert len(providers.origids) == len(set(providers.origids)) == len(providers.signers)
    for kind in KINDS:
        found = providers.routes(_attempts(providers, kind, OWN, random), random)
        assert 0 <= found.trunk.min() <= found.trunk.max() < len(providers.trunks)
        assert set(found.level.tolist()) <= set(range(len(LEVELS)))


def test_a_signature_says_less_where_the_caller_has_less_right_to_the_number() -> None:
    """Over many carriers: level A for own numbers more often than for borrowed ones, and for spoofed ones least."""
    shares = {OWN: 0.0, BORROWED: 0.0, SPOOFED: 0.0}
    for seed in SEEDS:
        providers, random = Providers(seed), np.random.default_rng(seed)
        for right in shares:
            level = providers.routes(_attempts(providers, "dialler", right, random), random).level
            shares[right] += np.mean(level[level > 0] == 1) / len(SEEDS)

    assert shares[OWN] > shares[BORROWED] > shares[SPOOFED]
    assert shares[SPOOFED] > 0.05  # some providers sign everything


def test_gateways_hardly_ever_sign_at_level_a() -> None:
    found = []
    for seed in SEEDS:
        providers, random = Providers(seed), np.random.default_rng(seed)
        found.append(np.mean(providers.routes(_attempts(providers, "gateway", SPOOFED, random), random).level == 1))

    assert np.mean(found) < 0.02


def test_a_number_elsewhere_is_always_of_the_same_customer() -> None:
    providers = Providers(3)
    numbers = np.arange(2_125_550_000, 2_125_552_000)

    assert np.array_equal(providers.subscribers_customer(numbers), providers.subscribers_customer(numbers))
    assert np.isin(providers.subscribers_customer(numbers), providers.customers("mobile")).mean() == pytest.approx(
        0.62, abs=0.06
    )
