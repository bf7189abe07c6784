"""Images: digits that come with this module, and larger sets that are downloaded when asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.data.dataset import TOGETHER, Dataset, Inputs
from engine.data.sources import Fetching, File, Source, downloaded, fetched, present
from engine.spec import SpecError, knob

DIGITS = Path(__file__).with_name("digits.npz")
"""The digits as scikit-learn has them (Alpaydin & Kaynak 1998, CC BY 4.0), those that are held out last: x [1797, 1, 8,
8] from 0 to 16, y [1797]. To import scikit-learn for them takes longer than to import torch."""


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
        with np.load(DIGITS) as kept:
            x, y = kept["x"] / 16, kept["y"].astype(np.int64)
        return x[: self.train], y[: self.train], x[1437:], y[1437:]


@dataclass(frozen=True)
class Downloaded(Dataset):
    """Images in 10 classes with pixels from 0 to 1: a fixed 10,000 to train on, of which the first few are used, and a
    fixed 1,000 held out, of those that the authors have set aside to test."""

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
        kept = downloaded(SOURCES[type(self).__name__])
        x, x_test = (kept[name].reshape(-1, *self.inputs.shape) / 255 for name in ("x", "x_test"))
        return x[: self.train], kept["y"][: self.train].astype(np.int64), x_test, kept["y_test"].astype(np.int64)


def idx(at: str, *known: tuple[int, str]) -> tuple[File, ...]:
    """The four files in MNIST's format below an address, of which sizes in bytes and SHA-256 are known: images and
    classes to train on, images and classes to test."""
    # Each hash here was found in two public places at least: TensorFlow Datasets' url_checksums, which have the sizes,
    # too, and torchvision's prototypes (MNIST, Fashion-MNIST) or torch.rb (CIFAR-10).
    names = (f"{part}-{what}-ubyte.gz" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1"))
    return tuple(File(at + name, *about) for name, about in zip(names, known, strict=True))


@dataclass(frozen=True)
class MNIST(Downloaded):
    """Handwritten digits: grey images of 28x28 pixels in 10 classes, up to 10,000 of MNIST's training images, 1,000
    of its test images (LeCun et al. 1998)."""

    @classmethod
    def source(cls):
        return Source(
            "MNIST",
            (1, 28, 28),
            idx(
                "https://ossci-datasets.s3.amazonaws.com/mnist/",  # PyTorch's copy; the authors have none any more
                (9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
                (28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
                (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
                (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
            ),
            "CC BY-SA 3.0",
            "LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning applied to document recognition",
        )


@dataclass(frozen=True)
class FashionMNIST(Downloaded):
    """Articles of clothing: grey images of 28x28 pixels in 10 classes, up to 10,000 to train on and 1,000 held out
    (Xiao, Rasul & Vollgraf 2017)."""

    @classmethod
    def source(cls):
        return Source(
            "FashionMNIST",
            (1, 28, 28),
            idx(
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",  # has no https; the hashes stand for it
                (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
                (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
                (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
                (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
            ),
            "MIT",
            "Xiao, Rasul & Vollgraf 2017, Fashion-MNIST: a novel image dataset (arXiv 1708.07747)",
        )


@dataclass(frozen=True)
class CIFAR10(Downloaded):
    """Photographs of animals and vehicles: colour images of 32x32 pixels in 10 classes, up to 10,000 to train on and
    1,000 held out (Krizhevsky 2009)."""

    @classmethod
    def source(cls):
        archive = File(  # the binary version: the one for Python is pickles, which may run anything
            "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            170_052_171,
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        )
        return Source(
            "CIFAR10",
            (3, 32, 32),
            (archive,),
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
    """Fetches a set of SOURCES, unless it is here: see `engine.data.sources.fetched`. SpecError "name: ..." for any
    other."""
    if name not in SOURCES:
        raise SpecError(f"name: expected one of {', '.join(SOURCES)}, got {name[:40]!r}")
    return fetched(SOURCES[name])
