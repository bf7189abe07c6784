"""Datasets: small, real or exactly reproducible; a class and its name in the tuple at the end of one of these files."""

from engine.data.dataset import Arrays, Dataset, Examples, Inputs, load
from engine.data.graphs import GRAPHS, Graphs
from engine.data.images import CIFAR10, IMAGES, MNIST, SOURCES, Digits, FashionMNIST, download, here
from engine.data.own import OWN, OwnFile, keep
from engine.data.points import POINTS, Moons, Spirals, SpuriousFeature
from engine.data.text import TEXTS, Characters

DATASETS = {cls.__name__: cls for cls in IMAGES + POINTS + TEXTS + GRAPHS + OWN}

__all__ = [
    "CIFAR10",
    "DATASETS",
    "MNIST",
    "SOURCES",
    "Arrays",
    "Characters",
    "Dataset",
    "Digits",
    "Examples",
    "FashionMNIST",
    "Graphs",
    "Inputs",
    "Moons",
    "OwnFile",
    "Spirals",
    "SpuriousFeature",
    "download",
    "here",
    "keep",
    "load",
]
