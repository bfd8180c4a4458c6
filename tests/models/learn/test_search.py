"""A search returns the best of what it tried, and never looks at the test span."""

from dataclasses import replace

from models.learn.search import search
from models.learn.training import Parameters, split
from tests.models.labelled_calls import dataset

SMALL = Parameters(n_trees=5, min_samples_leaf=10, lawful_share=1.0)


def test_a_search_returns_the_best_of_what_it_tried() -> None:
    """The given settings are the first; the same seed tries the same."""
    tried: list[tuple[Parameters, float]] = []

    best = search(dataset(), 1, 2, SMALL, lambda setting, recall: tried.append((setting, recall)))

    assert tried[0][0] == SMALL
    assert len({setting for setting, _ in tried}) == 3
    assert best == max(tried, key=lambda entry: entry[1])[0]
    assert search(dataset(), 1, 2, SMALL, lambda _setting, _recall: None) == best


def test_a_search_does_not_look_at_the_test_span() -> None:
    """Wrong labels there change nothing."""
    calls = dataset()
    spans = split(calls, SMALL)
    labels = calls.is_robocall.copy()
    lawful = spans.test[~labels[spans.test]]
    labels[lawful[::2]] = True
    recalls: list[list[float]] = []
    for one in (calls, replace(calls, is_robocall=labels)):
        recalls.append([])
        search(one, 1, 1, SMALL, lambda _, recall: recalls[-1].append(recall))

    assert recalls[0] == recalls[1]
