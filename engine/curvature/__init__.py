"""Curvature: the Hessian of any loss as products, and what a Krylov space finds of its spectrum."""

from engine.curvature.hessian import KEEP, Hessian, Product, dense, signs, training_hessian
from engine.curvature.krylov import Eigenpairs, Krylov, ends, extremes
from engine.curvature.residuals import confirmed

__all__ = [
    "KEEP",
    "Eigenpairs",
    "Hessian",
    "Krylov",
    "Product",
    "confirmed",
    "dense",
    "ends",
    "extremes",
    "signs",
    "training_hessian",
]
