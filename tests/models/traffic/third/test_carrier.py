"""The third author's carrier: numbers that exist, and where a call comes from follows from its number."""

import re

import numpy as np

from models.traffic.third.carrier import LAWFUL_SHARES, ROBOCALL_KINDS, Carrier, mixed

PLAN = re.compile(r"\+1[2-9]\d\d[2-9]\d{6}")


def test_subscribers_are_at_home_here_and_others_always_with_the_same_peer(carrier: Carrier) -> None:
    """Where a call comes from follows from its number."""
    strangers = carrier.foreign[~carrier.is_assigned(carrier.foreign)]

    assert (carrier.home(carrier.own) == 0).all()
    assert (carrier.home(strangers) > 0).all()
    assert (carrier.home(strangers[::-1])[::-1] == carrier.home(strangers)).all()
    assert (carrier.routes >= 0).all()


def test_numbers_are_of_the_plan_and_of_no_service_code(carrier: Carrier) -> None:
    found = [carrier.number(int(one)) for one in (*carrier.numbers(3_000), *carrier.toll_free(300), *carrier.own[:300])]

    assert all(PLAN.fullmatch(one) and one[6:8] != "11" for one in found)


def test_whatever_is_no_number_of_the_plan_is_told_as_it_was_given(carrier: Carrier) -> None:
    codes = carrier.text(["+23278", "unknown"])

    assert (codes < 0).all()
    assert [carrier.number(int(code)) for code in codes] == ["+23278", "unknown"]


def test_shares_of_kinds_are_whole_and_none_is_missing(carrier: Carrier) -> None:
    for shares, kinds in ((carrier.lawful_shares, LAWFUL_SHARES), (carrier.robocall_shares, ROBOCALL_KINDS)):
        assert set(shares) == set(kinds)
        assert min(shares.values()) > 0
        assert abs(sum(shares.values()) - 1.0) < 1e-9


def test_a_business_customer_gets_a_trunk_group_of_this_carrier(carrier: Carrier) -> None:
    trunk = carrier.trunk_of_own()

    assert carrier.owner[trunk] == 0
    assert not carrier.tdm[trunk]


def test_a_number_is_mixed_to_one_value_and_numbers_to_many() -> None:
    """In [0, 1), about evenly, and another salt gives other values."""
    found = mixed(np.arange(20_000), 1)

    assert (found == mixed(np.arange(20_000), 1)).all()
    assert ((found >= 0) & (found < 1)).all()
    assert abs(float(found.mean()) - 0.5) < 0.01
    assert abs(float(np.corrcoef(found, mixed(np.arange(20_000), 2))[0, 1])) < 0.03
