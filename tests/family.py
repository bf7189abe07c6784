"""Rules as tests use them: every one with settings that make each of its terms count, and small models on small
data."""

from dataclasses import replace

from engine.data import DATASETS
from engine.models import MODELS
from engine.problems import Classification
from engine.rules import (
    ASAM,
    ESAM,
    GSAM,
    MSAM,
    PGD,
    RULES,
    SAM,
    SGD,
    SSAM,
    USAM,
    AllButNormalization,
    FriendlySAM,
    GraphSAM,
    LookaheadSAM,
    LookSAM,
    MomentumSAM,
    NormalizationOnly,
    RandomDirection,
    RandomSubset,
    SAMPa,
    UnifiedSAM,
)
from engine.spec import SpecError, floats, knobs, with_floats

FAMILY = [
    SGD(),
    SAM(0.1),
    USAM(0.1),
    SSAM(SAM(0.2)),
    SSAM(SAM(0.2), shrink=True),
    SSAM(USAM(0.3)),
    SSAM(ASAM(0.5)),
    SSAM(SGD()),
    SSAM(ESAM(0.1)),
    UnifiedSAM(0.1, 0.3),
    ASAM(0.3, 0.02),
    ASAM(0.3, 0.0, biases=True),
    ASAM(0.02, 0.02, "infinity"),
    ASAM(0.05, 0.0, "layerwise"),
    MSAM(0.1, 5),
    MSAM(0.1, 1),
    MSAM(0.1, 0),
    GSAM(0.1, 0.02, 0.4),
    FriendlySAM(0.1, 0.8, 0.7),
    RandomDirection(0.2),
    ESAM(0.1, 0.4, 0.3),
    ESAM(0.1, 1.0, 1.0),
    LookSAM(0.1, 3, 0.5),
    LookSAM(0.1, 1),
    MomentumSAM(0.1),
    SAMPa(0.1, 0.3),
    GraphSAM(0.2, 0.9, 0.5, 1),
    LookaheadSAM(0.1, 4, 0.3),
    PGD(0.3, 3, 0.4),
    PGD(1.0, 2, 0.7, "2"),
    SSAM(PGD(0.2, 1)),
]
"""Each rule at least once."""
MASKED = [
    SAM(0.3, mask) for mask in (NormalizationOnly(), AllButNormalization(), RandomSubset(), RandomSubset(0.4))
] + [ASAM(0.3, 0.02, "2", False, NormalizationOnly())]
"""For models with normalization layers, but for the one mask that needs none."""
NEUTRAL = {
    "SAMPa": {"lam": 0.0},
    "ESAM": {"gamma": 1.0},
    "LookaheadSAM": {"alpha": 1.0},
    "MSAM": {"m": 0},
    "PGD": {"eps": 0.0},
}
"""What else must vanish for a rule of radius 0 to be plain descent (micro-batches, where BatchNorm goes by them)."""


def each_rule():
    """One instance of every rule in the table as it is now: the family's first, where it has one."""
    known = {type(rule): rule for rule in reversed(FAMILY)}
    return [known.get(cls) or cls() for cls in RULES.values()]


def suits(rule, problem) -> bool:
    """Whether a rule can train on a problem at all, with the full batch."""
    try:
        rule.fits(problem, problem.examples(), "rule")
    except SpecError:
        return False
    return True


def at_zero_radius(rule):
    """The rule with every radius at 0, and with it what else it adds to plain descent."""
    inner = {"rule": at_zero_radius(rule.rule)} if isinstance(rule, SSAM) else {}
    radii = {name: 0.0 for name in floats(rule) if name in ("rho", "rho_min")}
    return replace(with_floats(rule, radii), **NEUTRAL.get(type(rule).__name__, {}), **inner)


def networks():
    """A small instance of every model in the table, and of every way to normalize one, each with the first dataset
    that it takes."""
    found = {}
    for name, cls in MODELS.items():
        fields = knobs(cls)
        norms = fields["norm"].options if "norm" in fields else ("",)
        for norm in norms:
            model = replace(
                cls(),
                **{k: v for k, v in {"width": 4, "depth": 1}.items() if k in fields},
                **({"norm": norm} if norm else {}),
            )
            found[f"{name}-{norm}" if norm not in ("", "none") else name] = (_data_for(model), model)
    return found


def _data_for(model):
    for cls in DATASETS.values():
        data = cls(train=48) if "train" in knobs(cls) else cls()
        try:
            Classification(data, model)
            return data
        except SpecError:
            continue
    raise AssertionError(f"no dataset for {model}")
