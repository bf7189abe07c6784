"""Problems: what can be trained. A model on a dataset, functions of a few coordinates, factored models that fit
measurements, a tiny network; and how a problem is scored over many examples."""

from engine.problems.abstract import Loss, Moments, Problem
from engine.problems.classification import Classification
from engine.problems.evaluation import chunk_of, evaluate, parts, pieces
from engine.problems.recovery import RECOVERIES, DiagonalNet, MatrixSensing
from engine.problems.tanh import TanhNet
from engine.problems.toys import TOYS, Beale, Product, Quadratic, Saddle, Toy, TwoCurvatures

PROBLEMS = {cls.__name__: cls for cls in (Classification, *TOYS, *RECOVERIES, TanhNet)}

__all__ = [
    "PROBLEMS",
    "Beale",
    "Classification",
    "DiagonalNet",
    "Loss",
    "MatrixSensing",
    "Moments",
    "Problem",
    "Product",
    "Quadratic",
    "Saddle",
    "TanhNet",
    "Toy",
    "TwoCurvatures",
    "chunk_of",
    "evaluate",
    "parts",
    "pieces",
]
