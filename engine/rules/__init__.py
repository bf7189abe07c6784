"""The update rules: a class and its name in the table below it, in one of these files."""

from engine.rules.inputs import PGD
from engine.rules.lazy import ESAM, GraphSAM, LookSAM, MomentumSAM, SAMPa
from engine.rules.masks import MASKS, AllButNormalization, Everything, Mask, NormalizationOnly, RandomSubset
from engine.rules.perturbed import ASAM, GSAM, MSAM, SAM, SGD, USAM, FriendlySAM, RandomDirection, UnifiedSAM
from engine.rules.rule import TINY, Clock, Memory, Rule, Step, along, functional, need, plain, scaled, unit
from engine.rules.wrapped import RULES, SSAM, LookaheadSAM

__all__ = [
    "ASAM",
    "ESAM",
    "GSAM",
    "MASKS",
    "MSAM",
    "PGD",
    "RULES",
    "SAM",
    "SGD",
    "SSAM",
    "TINY",
    "USAM",
    "AllButNormalization",
    "Clock",
    "Everything",
    "FriendlySAM",
    "GraphSAM",
    "LookSAM",
    "LookaheadSAM",
    "Mask",
    "Memory",
    "MomentumSAM",
    "NormalizationOnly",
    "RandomDirection",
    "RandomSubset",
    "Rule",
    "SAMPa",
    "Step",
    "UnifiedSAM",
    "along",
    "functional",
    "need",
    "plain",
    "scaled",
    "unit",
]
