"""Datasets: real digits, exact reproducibility, a fixed held-out part, standardized by the training examples only,
wrong labels in training only."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from engine.data import (
    DATASETS,
    SOURCES,
    Characters,
    Digits,
    Graphs,
    Moons,
    OwnFile,
    Spirals,
    SpuriousFeature,
    keep,
    load,
)
from engine.data.points import _moons
from engine.data.text import TEXT
from engine.spec import SpecError, decode, floats, knobs
from tests.images_server import images, installed


@pytest.fixture(autouse=True)
def sets(tmp_path, monkeypatch):
    """A store in which every set is, those included that would have to be downloaded or given."""
    monkeypatch.setenv("RAVINE_STORE", str(tmp_path))
    for name in SOURCES:
        installed(name, tmp_path)
    load.cache_clear()


def small(cls):
    """A dataset of 50 training examples; in place of one's own file, one with six numbers and three classes, one
    number the same throughout."""
    if cls is not OwnFile:
        return cls(train=50)
    x, y = images(300, 6)
    rows = [",".join(map(str, [*row[:5], 7, label % 3])) for row, label in zip(x.tolist(), y.tolist(), strict=True)]
    return replace(keep("\n".join(rows).encode(), "mine.csv").data, train=50)


every = pytest.mark.parametrize("cls", DATASETS.values(), ids=lambda c: c.__name__)


@every
def test_every_dataset(cls):
    data = small(cls)
    kind, shape, classes = data.inputs
    x, y, x_test, y_test = data.arrays()
    labels = (shape[0],) if kind == "tokens" else ()
    assert data.examples() == 50 and x.shape == (50, *shape) and y.shape == (50, *labels)
    assert x_test.shape[1:] == x.shape[1:] and y_test.shape[1:] == labels and len(x_test) == len(y_test) >= 50
    assert x.dtype == x_test.dtype == np.float64 and np.isfinite(x).all() and np.isfinite(x_test).all()
    assert y.dtype == y_test.dtype == np.int64 and set(y.flat) | set(y_test.flat) <= set(range(classes))
    assert kind == "tokens" or set(y_test.flat) == set(range(classes))
    assert all(np.array_equal(a, b) for a, b in zip(data.arrays(), small(cls).arrays(), strict=True))
    assert not {row.tobytes() for row in np.round(x, 9)} & {row.tobytes() for row in np.round(x_test, 9)}
    train = load(data, "train", "cpu", torch.float32)
    assert (
        train.x.dtype == torch.float32
        and train.y.dtype == torch.int64
        and train.y.shape == y.shape
        and len(train) == 50
    )
    assert torch.equal(load(data, "test", "cpu", torch.float64).x, torch.as_tensor(x_test))


@every
def test_fewer_examples_are_the_first_and_hold_out_the_same(cls):
    if cls in (Moons, Spirals, SpuriousFeature, Graphs):  # as many are held out as are trained on
        return
    data = small(cls)
    if hasattr(data, "standardize"):
        data = replace(data, standardize="none")
    full, some = data.arrays(), replace(data, train=20).arrays()
    assert np.array_equal(some[2], full[2]) and np.array_equal(some[3], full[3])
    if cls is not Characters:  # whose passages are evenly spaced
        assert np.array_equal(some[0], full[0][:20]) and np.array_equal(some[1], full[1][:20])


@every
def test_standardizing(cls):
    """Every way, against NumPy's mean and deviation of the raw training numbers; offered to images and points and to
    nothing else."""
    data = small(cls)
    if data.inputs.kind in ("tokens", "graph"):
        with pytest.raises(SpecError, match="standardize: unknown field"):
            decode(DATASETS, {"name": cls.__name__, "standardize": "none"})
        return
    raw = replace(data, standardize="none").arrays()
    for how, axis in (("together", None), ("by feature", 0)):
        scale = np.std(raw[0], axis=axis)
        for part in (0, 2):
            expected = (raw[part] - np.mean(raw[0], axis=axis)) / np.where(scale < 1e-12, 1.0, scale)
            assert np.allclose(replace(data, standardize=how).arrays()[part], expected, rtol=1e-12, atol=1e-12)
    for part in (0, 2):
        assert np.allclose(
            replace(data, standardize="centred").arrays()[part],
            raw[part] - np.mean(raw[0], axis=0),
            rtol=1e-12,
            atol=1e-12,
        )
    assert data.standardize == ("together" if data.inputs.kind == "image" else "by feature")


def test_a_number_that_never_varies_is_only_centred():
    x = small(OwnFile).arrays()[0]
    assert not x[:, 5].any() and np.allclose(x[:, :5].std(0), 1)
    blank = replace(Digits(), standardize="by feature").arrays()[0].reshape(1437, 64)[:, 0]
    assert not blank.any()


@every
def test_label_noise(cls):
    """Exactly as many wrong as asked for, the same at every larger share, in training only, and never the right
    class."""
    clean = small(cls)
    x, y, x_test, y_test = clean.arrays()
    before = np.zeros(y.shape, bool)
    for share in (0.0, 0.13, 0.2, 0.39, 0.6):
        noisy = replace(clean, label_noise=share).arrays()
        wrong = noisy[1] != y
        assert wrong.sum() == round(share * y.size) and (wrong | ~before).all()
        assert set(noisy[1].flat) <= set(range(clean.inputs.classes))
        assert np.array_equal(noisy[0], x) and np.array_equal(noisy[2], x_test) and np.array_equal(noisy[3], y_test)
        before = wrong


def test_wrong_labels_are_even():
    """Over the other classes, and over the examples: within 4 standard deviations."""
    right, given = Digits().arrays()[1], replace(Digits(), label_noise=0.5).arrays()[1]
    shifts = np.bincount((given - right) % 10, minlength=10)
    assert shifts[0] == 1437 - round(0.5 * 1437) and np.abs(shifts[1:] - 718 / 9).max() < 4 * np.sqrt(718 / 9)
    assert abs((given != right)[:700].mean() - 0.5) < 4 * 0.5 / np.sqrt(700)


@every
def test_own_fields_come_first_and_none_differs_within_an_ensemble(cls):
    assert next(iter(knobs(cls))) == "train" and list(knobs(cls))[-1] == "label_noise" and floats(cls()) == {}
    assert cls(33).train == 33
    with pytest.raises(TypeError):
        cls(*[33] * len(knobs(cls)))


def test_earlier_sets_are_what_they_were():
    """Bit for bit: kept runs were trained on these."""
    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x.reshape(-1, 1, 8, 8), y, test_size=360, stratify=y, random_state=0)
    for n in (1437, 500):
        mean, deviation = x[:n].mean(), x[:n].std()
        expected = ((x[:n] - mean) / deviation, y[:n], (x_test - mean) / deviation, y_test)
        assert all(np.array_equal(a, b) for a, b in zip(Digits(n).arrays(), expected, strict=True))
    for n, noise, draw in ((7, 1.0, 3), (40, 0.1, 0), (2000, 0.0, 9)):
        ours, theirs = _moons(n, noise, draw), make_moons(n, noise=noise, random_state=draw)
        assert all(a.tobytes() == b.tobytes() for a, b in zip(ours, theirs, strict=True))
    x, y = make_moons(120, noise=0.3, random_state=7)
    mean, deviation = x[:60].mean(0), x[:60].std(0)
    expected = ((x[:60] - mean) / deviation, y[:60], (x[60:] - mean) / deviation, y[60:])
    assert all(np.array_equal(a, b) for a, b in zip(Moons(60, 0.3, 7).arrays(), expected, strict=True))


def test_digits_are_the_real_ones():
    pictures, labels = load_digits(return_X_y=True)
    x, y, x_test, y_test = Digits(standardize="none").arrays()
    assert len(x) == 1437 and len(x_test) == 360 and np.bincount(y_test).min() >= 34
    every, classes = np.concatenate([x, x_test]).reshape(1797, 64) * 16, np.concatenate([y, y_test])
    assert {(row.tobytes(), label) for row, label in zip(every, classes, strict=True)} == {
        (a.tobytes(), b) for a, b in zip(pictures, labels, strict=True)
    }


@pytest.mark.parametrize("cls", [Moons, Spirals, SpuriousFeature, Graphs])
def test_draws_differ(cls):
    assert not np.array_equal(cls(50, draw=0).arrays()[0], cls(50, draw=1).arrays()[0])


@pytest.mark.parametrize("cls", [Moons, Spirals, SpuriousFeature])
def test_any_noise_is_finite(cls):
    assert np.isfinite(cls(noise=0.0).arrays()[0]).all() and np.isfinite(cls(noise=1.0, train=10).arrays()[0]).all()


@pytest.mark.parametrize("cls", [Moons, Spirals, SpuriousFeature])
def test_shapes_can_be_told_apart_by_a_neighbour(cls):
    """Without noise, the nearest training point has the right class for nearly every held-out point: the shapes are
    there and are two."""
    x, y, x_test, y_test = cls(noise=0.0, train=400).arrays()
    columns = [*getattr(cls, "columns", {"hard": range(x.shape[1])})["hard"]]
    nearest = np.square(x_test[:, None, columns] - x[None, :, columns]).sum(2).argmin(1)
    assert (y[nearest] == y_test).mean() > 0.97 and 0.35 < y.mean() < 0.65


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9, 1.0])
def test_the_easy_feature_is_a_shortcut_in_training_only(correlation):
    """Separable with a margin, as correlated with the class as was asked for, and not at all where it is held out."""
    data = SpuriousFeature(1000, correlation, standardize="none")
    x, y, x_test, y_test = data.arrays()
    easy, held_out = (part[:, data.columns["easy"][0]] for part in (x, x_test))
    assert np.abs(easy).min() >= 0.5 and np.abs(held_out).max() <= 1.5
    assert np.corrcoef(np.sign(easy), y)[0, 1] == pytest.approx(correlation, abs=0.004)
    assert np.corrcoef(np.sign(held_out), y_test)[0, 1] == pytest.approx(0, abs=0.004)
    assert sorted((*data.columns["easy"], *data.columns["hard"])) == [0, 1, 2]


@pytest.mark.parametrize("vertices", [8, 9, 16, 48])
def test_graphs_are_graphs_with_as_many_edges_each(vertices):
    x, y, *_ = Graphs(60, vertices).arrays()
    adjacency, features = x[:, :, :vertices], x[:, :, vertices:]
    assert (
        set(adjacency.flat) == {0.0, 1.0}
        and np.array_equal(adjacency, adjacency.transpose(0, 2, 1))
        and not np.trace(adjacency, axis1=1, axis2=2).any()
    )
    assert (adjacency.sum((1, 2)) == 4 * vertices).all() and set(y) == {0, 1, 2, 3}
    assert (features[..., 0] == 1).all() and np.array_equal(features[..., 1] * 4, adjacency.sum(2))


def test_the_four_families_are_there():
    """Each by what it is known for: clustering in lattices, hubs by attachment, halves with few edges between them."""
    x, y, x_test, y_test = Graphs(300, 32).arrays()

    def known(x):
        a = x[:, :, :32]
        values, vectors = np.linalg.eigh(a)
        sides = np.sign(vectors[:, :, -2])
        cut = (a * (sides[:, :, None] != sides[:, None])).sum((1, 2)) / a.sum((1, 2))
        return np.column_stack(
            [np.trace(a @ a @ a, axis1=1, axis2=2), a.sum(2).max(1), cut, a.sum(2).var(1), values[:, -2]]
        )

    scale = known(x).std(0)
    assert LogisticRegression(max_iter=2000).fit(known(x) / scale, y).score(known(x_test) / scale, y_test) > 0.9
    means = [known(x)[y == family].mean(0) for family in range(4)]
    assert (
        means[1][0] > 2 * means[0][0]
        and means[3][1] > 1.5 * max(means[0][1], means[1][1])
        and means[2][2] < 0.65 * means[0][2]
    )


def test_a_vertexs_place_tells_nothing():
    """In every family, each place has its share of the edges, and so have the pairs of places from different halves:
    within 5 standard errors."""
    x, y, *_ = Graphs(400, 16).arrays()
    for family in range(4):
        a = x[y == family][:, :, :16]
        for seen, expected in ((a.sum(2), 4), (a[:, :8, 8:].sum((1, 2))[:, None], 32 * 64 / 120)):
            assert np.abs((seen.mean(0) - expected) / np.maximum(seen.std(0), 0.1)).max() * np.sqrt(len(seen)) < 5


def test_the_text_is_free_to_ship_and_says_so_outside_the_data():
    text = TEXT.read_text(encoding="ascii")
    head, _, rest = text.partition("\n\n")
    assert "public domain" in head and 15_000 < len(text) < 20_000
    assert "public domain" not in rest and len(set(rest.lower().split())) > 800


@pytest.mark.parametrize("train, length", [(50, 32), (10, 4), (5000, 64), (400, 17)])
def test_characters_are_the_text(train, length):
    """Decoded again, every passage stands in the text, its targets one place further on; training and held-out parts
    lie apart."""
    prose = "\n".join(p.replace("\n", " ") for p in TEXT.read_text().strip().split("\n\n")[1:])
    letters = sorted(set(prose))
    data = Characters(train, length)
    x, y, x_test, y_test = data.arrays()
    assert data.inputs == ("tokens", (length,), len(letters)) and len(x) == train and np.array_equal(x, x.astype(int))

    def places(x, y):
        passages = ["".join(letters[int(i)] for i in [*a, b[-1]]) for a, b in zip(x, y, strict=True)]
        assert np.array_equal(x[:, 1:], y[:, :-1])
        assert all(passage in prose for passage in passages)
        return [prose.index(passage) for passage in passages if prose.count(passage) == 1]

    first, second = places(x, y), places(x_test, y_test)
    assert max(first) + length < 0.8 * len(prose) + 1 < min(second) + 2 and max(second) + length < len(prose)
    assert len(x_test) * length > 0.19 * len(prose)
