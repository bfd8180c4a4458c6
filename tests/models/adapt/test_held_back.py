"""Who judges: callers of the held-back calls of whom nothing was learnt, nor from others like them."""

from dataclasses import replace

import numpy as np

from models.adapt.held_back import HeldBackCalls
from models.traffic.truth import UNKNOWN_KIND, Truth
from tests.models.adapt.spans import Made, complaints, made, material_of


def judging(span: Made, said: dict[int, Truth]) -> int:
    """Labelled callers that judge."""
    return HeldBackCalls(material_of(span, said), 7, None).unjudged("").callers


def test_a_caller_who_was_learnt_from_does_not_judge() -> None:
    """One campaign through all of the span, labelled in both parts, is no evidence of others."""
    span = made(2)
    number = np.where(span.is_robocall, 77, span.calls.number)
    one = replace(span, calls=replace(span.calls, number=number, block=number))

    assert judging(one, complaints(one, 0.2)) == 0
    assert judging(span, complaints(span, 0.2)) > 0


def test_a_cluster_that_an_analyst_labelled_does_not_judge() -> None:
    """An answer labels an origin whole: what was learnt of its first part is no evidence on its second.

    Complaints about other calls of the origin do not take it out; those of a number block do.
    """
    span = made(2, sees=1.5)
    answered = Truth(True, "", UNKNOWN_KIND, "analyst", 0.9)
    origins = np.unique(span.calls.origin[span.is_robocall])[:20]
    of_cluster = span.is_robocall & np.isin(span.calls.origin, origins)
    said = complaints(span, 0.3)
    whole = {int(key): answered for key in span.calls.call[of_cluster].tolist()}

    assert judging(span, whole) == 0
    assert 0 < judging(span, {**said, **whole}) < judging(span, said)


def test_calls_that_somebody_spoke_of_are_not_drawn_again_by_lot() -> None:
    """Nor those of the calls learnt from; the draw is of the others, where two scores differ."""
    span = made(2, sees=1.5)
    material = material_of(span, complaints(span, 0.3))

    held = HeldBackCalls(material, 7, -span.calls.margins)

    drawn = np.concatenate([one.cluster.calls for one in held.draw])
    assert len(drawn)
    assert held.may_be_drawn[drawn].all()
    assert not (held.may_be_drawn & (material.is_learning | material.lawful.is_reference)).any()
    assert not (held.may_be_drawn & material.labels.is_positive & material.is_learning).any()
