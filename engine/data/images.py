"""Images: digits that come with scikit-learn, and larger sets that are downloaded when asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.data.dataset import TOGETHER, Dataset, Inputs
from engine.data.openml import Fetching, Source, downloaded, fetched, present
from engine.spec import SpecError, knob


@dataclass(frozen=True)
class Digits(Dataset):
    """Handwritten digits: 1,797 grey images of 8x8 pixels in 10 classes, 360 of them held out (UCI optical
    recognition of digits)."""

    train: int = knob(
        1437,
        10,
        1437,
        "Training images",
        "How many of the 1,437 training images to use; the 360 held-out images stay the same.",
    )
    standardize: str = TOGETHER

    @property
    def inputs(self):
        return Inputs("image", (1, 8, 8), 10)

    def split(self):
        # here, for it takes half as long to import as torch, and most processes need no digits
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        x, y = load_digits(return_X_y=True)
        x, x_test, y, y_test = train_test_split(
            x.reshape(-1, *self.inputs.shape) / 16, y, test_size=360, stratify=y, random_state=0
        )
        return x[: self.train], y[: self.train], x_test, y_test


@dataclass(frozen=True)
class Downloaded(Dataset):
    """Images in 10 classes with pixels from 0 to 1: a fixed 10,000 to train on, of which the first few are used, and a
    fixed 1,000 of the last 10,000 of OpenML's rows."""

    train: int = knob(
        2000,
        10,
        10_000,
        "Training images",
        "How many of 10,000 to use; the 1,000 held-out images stay the same.",
        log=True,
    )
    standardize: str = TOGETHER

    @classmethod
    @abstractmethod
    def source(cls) -> Source:
        """Where the images come from, and their shape."""

    @property
    def inputs(self):
        return Inputs("image", self.source().shape, 10)

    def split(self):
        kept = downloaded(self.source())
        x, x_test = (kept[name].reshape(-1, *self.inputs.shape) / 255 for name in ("x", "x_test"))
        return x[: self.train], kept["y"][: self.train].astype(np.int64), x_test, kept["y_test"].astype(np.int64)


@dataclass(frozen=True)
class MNIST(Downloaded):
    """Handwritten digits: grey images of 28x28 pixels in 10 classes, up to 10,000 of MNIST's training images, 1,000
    of its test images (LeCun et al. 1998)."""

    @classmethod
    def source(cls):
        return Source(
            "MNIST",
            "mnist_784",
            1,
            (1, 28, 28),
            15_400_000,
            "CC BY-SA 3.0",
            "LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning applied to document recognition",
            # md5_checksum of mnist_784.arff in OpenML's description of its data set 554, as public notebooks and notes
            # print it; of the other two sets' files no source is known
            "0298d579eb1b86163de7723944c7e495",
        )


@dataclass(frozen=True)
class FashionMNIST(Downloaded):
    """Articles of clothing: grey images of 28x28 pixels in 10 classes, up to 10,000 to train on and 1,000 held out
    (Xiao, Rasul & Vollgraf 2017)."""

    @classmethod
    def source(cls):
        return Source(
            "FashionMNIST",
            "Fashion-MNIST",
            1,
            (1, 28, 28),
            40_000_000,
            "MIT",
            "Xiao, Rasul & Vollgraf 2017, Fashion-MNIST: a novel image dataset (arXiv 1708.07747)",
        )


@dataclass(frozen=True)
class CIFAR10(Downloaded):
    """Photographs of animals and vehicles: colour images of 32x32 pixels in 10 classes, up to 10,000 to train on and
    1,000 held out (Krizhevsky 2009)."""

    @classmethod
    def source(cls):
        return Source(
            "CIFAR10",
            "CIFAR_10_small",
            1,
            (3, 32, 32),
            80_000_000,
            "none stated",
            "Krizhevsky 2009, Learning multiple layers of features from tiny images",
        )


IMAGES = (Digits, MNIST, FashionMNIST, CIFAR10)
SOURCES = {cls.__name__: cls.source() for cls in IMAGES if issubclass(cls, Downloaded)}
"""The sets that can be downloaded, by name."""


def here(name: str) -> bool:
    """Whether a set of SOURCES is on this machine."""
    return present(SOURCES[name])


def download(name: str) -> Iterator[Fetching]:
    """Fetches a set of SOURCES, unless it is here: see `engine.data.openml.fetched`. SpecError "name: ..." for any
    other."""
    if name not in SOURCES:
        raise SpecError(f"name: expected one of {', '.join(SOURCES)}, got {name[:40]!r}")
    return fetched(SOURCES[name])
