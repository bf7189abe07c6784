"""A second device without a GPU: the engine runs on torch's `meta` device, whose tensors have shapes and no numbers.

What these tests alone would find: a tensor that is made or left on the CPU where the others are on the run's device.
On a GPU that raises an error, and without one no other test sees it.
"""

from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from engine.analyses.alignment import AlignmentSpec
from engine.analyses.planes import PLANES
from engine.analyses.sharpness import ascended, averaged, candidates, worst
from engine.analyses.spectrum import SpectrumSpec
from engine.analyses.surface import SurfaceSpec
from engine.curvature import Hessian, Krylov
from engine.data import Moons
from engine.models import MLP
from engine.problems import PROBLEMS, Classification, Problem, TwoCurvatures, parts
from engine.rules import ASAM, ESAM, MSAM, PGD, SAM, SGD, SSAM, LookaheadSAM, LookSAM, Rule
from engine.seeds import generator
from engine.training.loop import State, train
from engine.training.runs import RunSpec, Switch
from engine.training.schedules import Cosine
from engine.training.updates import UPDATES, Momentum
from tests.drive import at_start, record, returned
from tests.family import MASKED, each_rule, networks

NETWORKS = {name: Classification(*network) for name, network in networks().items()}
TINY = Classification(Moons(train=40), MLP(width=2, depth=1, norm="batch"))
"""Few parameters, so that a Krylov space is soon the whole; BatchNorm needs the training set wherever it is scored."""
VARIANTS = [
    ASAM(0.02, 0.02, "infinity"),
    ASAM(0.05, 0.0, "layerwise"),
    SSAM(ESAM(0.1), shrink=True),
    LookSAM(0.1, 1),
    LookaheadSAM(0.1, 2),
    PGD(1.0, 1, 0.7, "2"),
    MASKED[0],
    MASKED[3],
]
"""Other branches of the rules' code than their first settings take."""
JOINS = (torch.ops.aten.cat, torch.ops.aten.stack)


class Elsewhere(TorchDispatchMode):
    """Makes `meta` as strict as a GPU, and gives 1 to whoever reads a number from it.

    By itself `meta` lets matrix products and indices of both devices pass. As on a GPU, a single number on the CPU may
    meet any tensor, but not be joined to others.
    """

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, func.overloadpacket
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        if len({t.device for t in tensors if t.ndim or name in JOINS}) > 1:
            raise RuntimeError(f"{name}: tensors of two devices, {[(str(t.device), [*t.shape]) for t in tensors]}")
        if any(t.is_meta for t in tensors):
            if name is torch.ops.aten._local_scalar_dense:
                return torch.ones((), dtype=args[0].dtype).item()
            if name is torch.ops.aten._to_copy and str(kwargs.get("device")) == "cpu":
                return torch.ones(args[0].shape, dtype=kwargs.get("dtype") or args[0].dtype)
        return func(*args, **kwargs)


def short(problem: Problem, rule: Rule, **settings) -> RunSpec:
    """A run of batches, measured before its first step."""
    batch = min(16, problem.examples())
    return RunSpec(problem, rule, Momentum(0.5, 1e-3), **{"batch": batch, "every": 100, "curvature": False} | settings)


def steps(specs: list[RunSpec], count: int = 2, state: State | None = None) -> State:
    """The state on `meta` after so many steps, and a measurement where there is no state to go on from."""
    with Elsewhere():
        after = next(tick.state for tick in train(specs, "meta", state) if tick.state.step == count)
    assert {t.device.type for t in tree_leaves(after[3:])} == {"meta"}
    return after


def pair(state: State) -> State:
    """A run's state twice, as an ensemble's."""
    return State(*state[:3], *tree_map(lambda t: torch.stack([t, t]), state[3:]))


def both(spec: RunSpec, count: int = 2) -> None:
    """A measurement, and steps of a run alone and of an ensemble."""
    start = steps([spec], 0)
    steps([spec], count, start)
    steps([spec, replace(spec, seed=1, lr=0.01)], count, pair(start))


@pytest.mark.parametrize("rule", [*each_rule(), *VARIANTS], ids=repr)
def test_every_rule(rule):
    both(short(NETWORKS["MLP-layer" if rule in MASKED else "MLP"], rule))


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network(network):
    """A measurement, a step alone, one of an ensemble of micro-batches, and a Hessian product."""
    problem = NETWORKS[network]
    start = steps([short(problem, SAM(0.1))], 1)
    micro = short(problem, MSAM(0.1, 5), batch=10)
    steps([micro, replace(micro, seed=1)], 2, pair(start))
    with Elsewhere():
        product = Hessian(parts(problem, problem.load("train", "meta"), 24), start.theta)(start.top)
    assert product.is_meta and product.shape == start.theta.shape


def test_every_problem():
    for cls in PROBLEMS.values():
        both(short(cls(), SAM(0.1)))
    both(short(TwoCurvatures(ascent=0.1), SGD(), batch=1))
    both(short(Classification(TINY.data, TINY.model, "squared error", 0.1), SAM(0.1)))


def test_every_update():
    spec = replace(short(TINY, SAM(0.1)), clip=1.0, schedule=Cosine(), radius="with the rate", warmup=2)
    for update in (*(cls() for cls in UPDATES.values()), Momentum(0.9, 0.1, True, True)):
        both(replace(spec, update=update))


def test_every_switch():
    """The memory of the rule that takes over, and of the update that begins anew."""
    for rule in (MASKED[0], LookaheadSAM(0.1)):
        both(replace(short(TINY, SGD()), then=(Switch(rule, 1),)))


def test_the_curvature():
    """Tracks the top eigenpair of each run of an ensemble."""
    spec = replace(short(TINY, SAM(0.1)), curvature=True)
    steps([spec, replace(spec, seed=1)], 1)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("plane", PLANES)
def test_every_plane(plane, split):
    """All of a surface: its plane, the points of its grid and of the path, and its check in double precision."""
    spec = RunSpec(TINY, batch=0)
    path = torch.stack([TINY.start(seed) for seed in range(3)])
    with Elsewhere():
        work = SurfaceSpec(PLANES[plane](), resolution=3, split=split)
        surface = returned(work.compute([record(spec, path)], "meta", None))
    assert surface.loss.tolist() == [[1.0] * 3] * 3


def test_every_analysis():
    _spec, run = at_start(TINY)
    spectrum = SpectrumSpec(top=2, bottom=2, probes=2, depth=4)
    with Elsewhere():
        assert returned(spectrum.compute([run], "meta", None)).exact.size == TINY.size()
        krylov = Krylov(lambda v: v, TINY.start(0)[None].to("meta"), generator(0, "look"))
        krylov.probe()  # what numbers that are all 1 never lead to: the space is the whole before anything has settled
        assert krylov.basis.is_meta
        assert returned(AlignmentSpec(2).compute([run], "meta", None)).cos_u.shape == (1, 2)


def test_every_sharpness():
    with Elsewhere():
        losses, theta = parts(TINY, TINY.load("train", "meta")), TINY.start(0).to("meta")
        starts = candidates(losses, theta, generator(0, "starts"))
        assert worst(losses, theta, 0.1, starts, 3).direction.is_meta
        assert ascended(losses, theta, 0.1) == averaged(losses, theta, 0.1, generator(0, "z"), 2).mean == 0


def test_the_device_is_strict():
    """What must fail on a GPU fails here, though `meta` alone lets some of it pass."""
    here, there = torch.ones(3, 3), torch.ones(3, 3, device="meta")
    index, number = torch.arange(3), torch.tensor(2.0)
    with Elsewhere():
        for mixed in (
            lambda: there + here,
            lambda: there @ here,
            lambda: there.index_select(0, index),
            lambda: there[index],
            lambda: torch.nn.functional.linear(there, here),
            lambda: torch.stack([there[0, 0], number]),
            lambda: torch.vmap(lambda row: row @ here)(there),
        ):
            with pytest.raises(RuntimeError, match="device"):
                mixed()
        assert (there * number).is_meta and there.sum().item() == 1 and there.cpu().tolist() == [[1.0] * 3] * 3
