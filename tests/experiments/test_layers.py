"""Paper 4, SAM-ON: what its experiments claim holds, wrong rules are found out."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from engine.experiments.layers import PAPER, NormalizationLayers, VisionTransformer
from engine.rules import (
    ASAM,
    SAM,
    SGD,
    SSAM,
    USAM,
    AllButNormalization,
    Mask,
    NormalizationOnly,
    RandomSubset,
    Rule,
    along,
)
from engine.rules.masks import masked
from engine.spec import encode, knob
from engine.training.runs import RunSpec, Switch
from tests.experiments.test_perturbation import WholeNorm
from tests.trials import failing, outcome, performed, spoilt, swapped, verdicts

pytestmark = pytest.mark.xdist_group("layers")
ALL = [NormalizationLayers(), VisionTransformer()]
BOTH = pytest.mark.parametrize("experiment", ALL, ids=lambda e: type(e).__name__)


@dataclass(frozen=True)
class OnlyMasked(Rule):
    """SAM-ON misread: the descent, too, moves the normalization layers alone."""

    rho: float = knob(0.1, 0.0, 10.0, "Radius")
    mask: ClassVar[Mask] = NormalizationOnly()
    formula: ClassVar = ""
    paper: ClassVar = ""

    def begin(self, theta, layout, random):
        return self.mask.begin(theta, layout, random)

    def direction(self, step, memory):
        return masked(step.gradient(along(step.w, masked(step.g, memory), self.rho)), memory), memory


def failures(experiment, result):
    """The claims that fail among those that must hold."""
    checks = experiment.checks(result)
    return {checks[i].claim for i in failing(experiment, result)}


def instead(experiment, name):
    """The result as if SAM-ON's runs were those of another ensemble."""
    result = performed(experiment)
    members = len(experiment.ensembles()["SAM-ON"])
    taken = {
        key.split("/")[1]: values
        for key, values in result.arrays.items()
        if key.startswith(f"{name}/") and values.ndim == 2
    }
    swapped = {f"SAM-ON/{quantity}": np.tile(values, members // values.shape[1]) for quantity, values in taken.items()}
    others = {
        key: values for key, values in result.arrays.items() if not key.startswith("SAM-ON/") or key == "SAM-ON/step"
    }
    return replace(result, arrays=others | swapped)


@BOTH
def test_what_is_claimed_holds(experiment):
    result = performed(experiment)
    assert not failures(experiment, result) and all(
        np.isfinite(check.values).all() for check in experiment.checks(result)
    )


GAIN = {NormalizationLayers: "SAM-ON gains on SGD", VisionTransformer: "SAM-ON gains on AdamW"}
FLAT, SHARP, WIDER = (
    "SAM-ON ends less flat than SAM",
    "SAM-ON's minimum is sharper than SGD's",
    "SAM-ON needs a larger radius than SAM",
)
LEAD, LESS, IDLE = (
    "So it does at SAM-ON's radius",
    "A random subset of as many parameters gains less",
    "A random subset gains nothing",
)
LONG, ALONE = (
    "SAM-ON's perturbation of the normalization layers is ρ long",
    "It moves these layers' scales and shifts alone",
)


@BOTH
@pytest.mark.parametrize(
    "name, wrong", [("SAM", {FLAT, LONG, ALONE}), ("random subset", {LONG, LEAD}), ("alone", {LONG, ALONE, LEAD})]
)
def test_wrong_rules(experiment, name, wrong):
    """SAM over all parameters, a random subset, and no perturbation in the place of SAM-ON."""
    convolutions = isinstance(experiment, NormalizationLayers)
    found = failures(experiment, instead(experiment, experiment.alone if name == "alone" else name))
    assert wrong <= found
    assert (GAIN[type(experiment)] in found) == (name == "alone" or (convolutions and name == "random subset"))
    assert (SHARP in found) == convolutions and (LESS in found) == (convolutions and name != "SAM")


def test_wrong_subset():
    """SAM-ON itself in the place of the random subset: it must gain less, and next to nothing."""
    experiment = NormalizationLayers()
    assert {LEAD, LESS, IDLE} <= failures(experiment, swapped(experiment, {"random subset": "SAM-ON"}))


SPOILT = [
    (WholeNorm, 1, {LONG}),
    (lambda rho: SAM(rho, AllButNormalization()), 1, {LONG, ALONE}),
    (OnlyMasked, 0, {GAIN[VisionTransformer], LEAD}),
]


@pytest.mark.parametrize("rule, steps, wrong", SPOILT, ids=["norm over all", "all but", "descent masked"])
def test_misread_rules(rule, steps, wrong):
    """Trained as far as the check looks: what a perturbation is can be told at once, what it does at the end."""
    experiment = VisionTransformer()
    changed = spoilt(
        experiment,
        lambda spec: replace(spec, rule=rule(spec.rule.rho), **({"steps": steps, "every": steps} if steps else {})),
        "SAM-ON",
    )
    assert wrong <= failures(experiment, changed)


ENLARGED = {
    "SAM": "SAM",
    "SAM-ON": "SAM-ON",
    "random subset": "random subset",
    "ASAM": "SAM",
    "ASAM-ON": "SAM-ON",
    "all but these layers": "random subset",
}
"""Whose runs stand for which variant's at full size."""


def enlarged(taken):
    """The transformer at full size: the quick runs at their radii and a guess at the others, `taken` in the place of
    some variants."""
    full, result = VisionTransformer(size="full"), performed(VisionTransformer())
    known = np.isin(full.grid.round(6), np.round(full.radii, 6))
    arrays = {
        f"AdamW/{quantity}": result.over("AdamW", quantity)[:, [0, 1, 2, 0]]
        for quantity in ("test_accuracy", "lam_max")
    }
    for name, of in (ENLARGED | taken).items():
        for quantity, guess in {"test_accuracy": 0.1, "lam_max": 0.1, "length": 1.0, "moved": full.share}.items():
            values = np.broadcast_to(result.over(of, quantity), (2, 3 * (1 if of == "AdamW" else 2)))
            at = np.full((2, len(known), 4), guess)
            at[:, known] = values.reshape(2, -1, 3)[:, :, [0, 1, 2, 0]]
            arrays[f"{name}/{quantity}"] = at.reshape(2, -1)
    steps = {f"{name}/step": np.array([0, full.base.steps]) for name in full.ensembles()}
    return full, outcome(encode(full), 1, 1, arrays=arrays | steps)


FULL = {WIDER, "ASAM-ON gains on AdamW too", "ASAM-ON is as accurate as ASAM"}
TAKEN = [
    ({}, set()),
    ({"SAM-ON": "SAM"}, {WIDER}),
    ({"SAM": "SAM-ON"}, {WIDER}),
    ({"ASAM-ON": "AdamW"}, FULL - {WIDER}),
]


@pytest.mark.parametrize(
    "taken, wrong", TAKEN, ids=("as performed", "SAM-ON as SAM", "SAM as SAM-ON", "ASAM-ON as AdamW")
)
def test_what_only_the_full_size_claims(taken, wrong):
    """Each check seen to hold, and to fail where a variant's runs are another's."""
    full, result = enlarged(taken)
    assert {check.claim for check in full.checks(result)} >= FULL and failures(full, result) & FULL == wrong


def test_a_lost_run_is_a_guess():
    """One seed that is lost at the best radius: another radius is the best then, and where all are lost the gain is
    negative, not unknown."""
    experiment = VisionTransformer()
    result = performed(experiment)
    best = experiment.top(result, "SAM-ON")
    values = result.over("SAM-ON", "test_accuracy").copy()
    values[-1, best * experiment.seeds + 1] = np.nan
    lost = replace(result, arrays=result.arrays | {"SAM-ON/test_accuracy": values})
    assert experiment.accuracies(lost, "SAM-ON")[best, 1] == 10 and experiment.top(lost, "SAM-ON") != best
    assert np.isnan(experiment.accuracies(replace(lost, status="running", done=0), "SAM-ON")[best, 1])
    none = replace(result, arrays=result.arrays | {"SAM-ON/test_accuracy": np.full_like(values, np.nan)})
    assert experiment.checks(none)[0].measured < -50 and GAIN[VisionTransformer] in failures(experiment, none)


@BOTH
def test_pictures_at_any_time(experiment):
    """Before there is a number, after the first measurement, and at the end."""
    whole, empty = performed(experiment), outcome(encode(experiment))
    begun = {
        key: values if key.endswith("/step") else np.where(np.arange(len(values))[:, None] < 1, values, np.nan)
        for key, values in whole.arrays.items()
    }
    partial = replace(whole, status="running", done=0, arrays=begun)
    for result in (empty, partial, whole):
        drawings = experiment.pictures(result)
        assert len({drawing.name for drawing in drawings}) == len(drawings) and all(
            drawing.words for drawing in drawings
        )
        assert all(len(line.x) == len(line.y) for drawing in drawings for line in drawing.lines)
        assert all(drawing.empty == (result is not whole) for drawing in drawings)
    assert set(verdicts(experiment, empty)) == {"pending"} and set(verdicts(experiment, partial)[:-2]) == {"pending"}


def test_sizes_and_settings():
    """Full size has more seeds, radii and variants; what is only measured is claimed for the usual settings alone."""
    full = NormalizationLayers(size="full")
    assert (
        len(full.grid) == 5
        and len(full.ensembles()) == 7
        and {len(specs) for specs in full.ensembles().values()} == {3, 15}
    )
    again = NormalizationLayers(radii=(2.8, 0.7, 2.8))
    assert again == NormalizationLayers() and not again.unusual
    other = NormalizationLayers(radii=(1.0, 0.5, 0.5), noise=0.1)
    assert list(other.grid) == [0.5, 1.0] and other.base.problem.data.label_noise == 0.1
    assert (
        set(verdicts(other, outcome(encode(other)))[:-2]) == {"not applicable"}
        and verdicts(other, outcome(encode(other)))[-2:] == ["pending"] * 2
    )
    assert list(NormalizationLayers(radii=(0.5,), size="full").grid) == [0.5]
    speaks = [SAM(1.0, NormalizationOnly()), SSAM(SAM(1.0, RandomSubset())), ASAM(mask=NormalizationOnly())]
    assert all(PAPER.speaks(replace(full.base, rule=rule)) for rule in speaks) and not any(
        PAPER.speaks(RunSpec(rule=rule)) for rule in (SGD(), SAM(), USAM())
    )
    assert PAPER.speaks(replace(full.base, then=(Switch(SAM(1.0, NormalizationOnly()), 5),)))
