"""Which examples are held out: of every class its share, never all of one, and the same ones however few are used."""

from itertools import pairwise

import numpy as np
import pytest

from engine.data.dataset import random
from engine.data.holdout import leading, parted, trainable

SIZES = [
    (19, 1),
    (1, 19),
    (1000, 1),
    (1, 1, 1, 17),
    (2, 2, 2, 2, 12),
    (7, 8, 9, 10),
    (500, 30, 4, 1),
    (1, 5, 1, 5, 1, 7),
]


def labels(sizes) -> np.ndarray:
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_every_class_is_trained_on_and_held_out_by_its_size(sizes):
    y = labels(sizes)
    for draw in range(20):
        train, test = parted(y, draw)
        assert sorted([*train, *test]) == list(range(len(y))) and len(train) == trainable(y)
        held_out, shares = np.bincount(y[test], minlength=len(sizes)), np.array(sizes) / 5
        assert (np.bincount(y[train], minlength=len(sizes)) >= 1).all() and len(test) >= 1
        assert (np.abs(held_out - shares) < 1).all()


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_however_few_are_used_every_class_is_among_them(sizes):
    """Each number of them holds the smaller numbers, and is the first ones where these have all classes."""
    y = labels(sizes)
    train, _ = parted(y, 3)
    used = [leading(train, y, count).tolist() for count in range(len(sizes), len(train) + 1)]
    assert all(len(set(y[places])) == len(sizes) and len(places) == i + len(sizes) for i, places in enumerate(used))
    assert all(set(a) < set(b) for a, b in pairwise(used)) and used[-1] == train.tolist()
    assert all(p == train[: len(p)].tolist() for p in used if len(set(y[train[: len(p)]])) == len(sizes))


def test_classes_of_two_and_more_are_parted_as_ever():
    """Every fifth of a random order sorted by class: runs that were kept were trained on these."""
    y = labels((30, 12, 2))
    order = random(7, "own file").permutation(len(y))
    held_out = order[np.argsort(y[order], kind="stable")][::5]
    train, test = parted(y, 7)
    assert set(test) == set(held_out) and train.tolist() == [i for i in order if i not in set(held_out)]
