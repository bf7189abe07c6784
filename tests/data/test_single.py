"""Numbers of any size: standardized right, or refused in one line that names the cell, once they are cast to single
precision; the noise of a constant is not blown up."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from engine.data import keep
from engine.spec import SpecError
from tests.data.test_own import npz

OTHER = np.random.default_rng(0).standard_normal(40)
SIGNS = np.random.default_rng(1).choice([-1.0, 1.0], 40)
SQUARES = np.arange(40.0) ** 2 % 7
WAYS = ("by feature", "together", "centred", "none")
FINE = {  # in which ways a column beside ordinary numbers is right; in the others it, or they, would be lost
    "large": (SIGNS * 1e200, ("by feature",)),
    "largest": (SIGNS * 1.7e308, ("by feature",)),
    "beyond single precision": (SQUARES * 1e39, ("by feature",)),
    "subnormal": (SQUARES * 1e-320, ("by feature",)),
    "small": (SQUARES * 1e-30, ("by feature", "centred", "none")),
    "large and constant": (np.full(40, 1e200), ("by feature", "centred")),
    "constant but for rounding": (np.where(SIGNS > 0, 5.0, 5.000000000000001), WAYS),
    "seconds since 1970": (1.7e9 + SQUARES, ("by feature", "centred")),
    "ordinary": (SQUARES, WAYS),
}


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("RAVINE_STORE", str(tmp_path / "store"))


def exact(x: np.ndarray, x_train: np.ndarray, how: str) -> np.ndarray:
    """Standardized by feature, in rational numbers until the last division."""
    columns = []
    for column, training in zip(x.T, x_train.T, strict=True):
        numbers, known = ([Fraction(float(v)) for v in part] for part in (column, training))
        mean = sum(known) / len(known)
        variance = sum((v - mean) ** 2 for v in known) / len(known)
        largest = max(map(abs, known))
        scale = max(known) - min(known) or Fraction(1)
        root = np.sqrt(float(variance / scale**2))
        constant = max(known) - min(known) <= largest / 10**13
        divide = how == "by feature" and not constant
        columns.append([float((v - mean) / scale) / root if divide else float(v - mean) for v in numbers])
    return np.array(columns).T


@pytest.mark.parametrize("what", FINE)
def test_right_or_named(what):
    column, ways = FINE[what]
    data = keep(npz(x=np.column_stack([OTHER, column]), y=np.arange(40) % 2), "a.npz").data
    for how in WAYS:
        if how not in ways:
            with pytest.raises(SpecError, match=r"^data\.standardize: example \d+, number [12]: \S+ becomes"):
                _ = replace(data, standardize=how).inputs
            continue
        raw, (x, _, x_test, _) = data.split(), replace(data, standardize=how).arrays()
        assert np.isfinite(np.float32(x)).all() and np.isfinite(np.float32(x_test)).all()
        if how in ("by feature", "centred"):
            for part, given in ((x, raw[0]), (x_test, raw[2])):
                assert np.allclose(part, exact(given, raw[0], how), rtol=1e-9, atol=1e-12)


def test_the_cell_that_is_named_is_the_files():
    """Counted from 1 in the file's order, in the training and the held-out part, in points and in images."""
    for shape, cell, said in (
        ((3,), (17, 1), "example 18, number 2"),
        ((1, 2, 2), (3, 0, 1, 0), r"example 4, number \[1, 2, 1\]"),
    ):
        x = np.random.default_rng(0).standard_normal((40, *shape))
        x[cell] = 5e39
        data = keep(npz(x=x, y=np.arange(40) % 2), "a.npz").data
        for draw in range(6):
            with pytest.raises(SpecError, match=rf"^data\.standardize: {said}: 5e\+39 becomes too large"):
                _ = replace(data, standardize="none", draw=draw).inputs
