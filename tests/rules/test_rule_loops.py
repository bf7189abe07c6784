"""Rules against hand-written loops over PyTorch modules, in double precision, and against another library's
optimizers."""

import pytest
import pytorch_optimizer
import torch
from torch import nn

from engine.data import Digits
from engine.models import CNN, MLP
from engine.rules import ASAM, GSAM, MSAM, SAM, SGD, SSAM, FriendlySAM, LookSAM, MomentumSAM, SAMPa
from engine.seeds import generator
from engine.spec import SpecError, knobs
from engine.training.batches import Batches
from engine.training.measure import noise_at
from engine.training.runs import RunSpec, Switch
from engine.training.schedules import Cosine
from engine.training.updates import Adam, AdamW, Momentum
from tests import loops, oracles
from tests.drive import Double, final
from tests.family import FAMILY, MASKED
from tests.oracles import away

DATA = Digits(120)
STEPS = 12
"""Five are an epoch."""


def normalized_mlp() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 9, bias=False), nn.BatchNorm1d(9), nn.Tanh(), nn.Linear(9, 10))


def normalized_cnn() -> nn.Sequential:
    block = [nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.Tanh(), nn.AvgPool2d(2)]
    return nn.Sequential(*block, nn.Flatten(), nn.Linear(64, 10))


NETWORKS = {
    "mlp": (MLP(9, 1, "tanh"), lambda: oracles.mlp(64, 10, 9, 1, "tanh")),
    "cnn": (CNN(4, 2, "tanh"), lambda: oracles.cnn(1, 8, 10, 4, 2, "tanh")),
    "mlp-batchnorm": (MLP(9, 1, "tanh", norm="batch"), normalized_mlp),
    "cnn-batchnorm": (CNN(4, 1, "tanh", norm="batch"), normalized_cnn),
}
PEERS = {
    "momentum": (Momentum(0.9, 1e-3), 0.05, lambda p: torch.optim.SGD(p, momentum=0.9, weight_decay=1e-3)),
    "nesterov": (
        Momentum(0.8, 0.01, nesterov=True),
        0.05,
        lambda p: torch.optim.SGD(p, momentum=0.8, weight_decay=0.01, nesterov=True),
    ),
    "adam": (Adam(decay=0.01), 0.005, lambda p: torch.optim.Adam(p, weight_decay=0.01)),
    "adamw": (AdamW(0.8, 0.99, 0.1), 0.005, lambda p: torch.optim.AdamW(p, betas=(0.8, 0.99), weight_decay=0.1)),
}


def run(model, rule, update, lr: float, **more) -> RunSpec:
    """Twenty steps over four epochs."""
    return RunSpec(Double(DATA, model), rule, update, lr, batch=24, steps=STEPS, every=STEPS, curvature=False, **more)


def settings(rule) -> dict:
    """A rule's settings as its loop takes them."""
    values = {name: getattr(rule, name) for name, k in knobs(type(rule)).items() if not k.nested}
    if isinstance(rule, SSAM):
        return {"inner": loops.LOOPS[type(rule.rule).__name__], "shrink": rule.shrink} | settings(rule.rule)
    return values


def cut(flat: torch.Tensor, net: nn.Module) -> list[torch.Tensor]:
    """A flat vector as tensors of the module's shapes."""
    return [
        part.view_as(p)
        for part, p in zip(flat.split([p.numel() for p in net.parameters()]), net.parameters(), strict=True)
    ]


def by_modules(spec: RunSpec, net: nn.Module, peer) -> torch.Tensor:
    """Where the hand-written loop ends, from the same start on the same batches."""
    problem = spec.problem
    net = oracles.filled(net, problem.start(spec.seed))
    data, batches, loss = problem.load("train"), Batches(spec, "cpu"), oracles.criterion(problem.objective)
    optimizer, memory, started = peer(list(net.parameters())), {}, 0
    for t in range(spec.steps):
        rule = spec.phases[spec.phase(t)].rule
        if t and t == spec.phases[spec.phase(t)].start:
            memory, started = {}, t
            optimizer = peer(list(net.parameters())) if spec.phases[spec.phase(t)].restart else optimizer
        factor = spec.schedule.factor(t, spec.steps)
        at = loops.At(
            net,
            loss,
            *batches.at(t, data),
            optimizer,
            batches.at(t + 1, data),
            spec.clip,
            t - started,
            t % spec.epoch == 0 or t == started,
            t // spec.epoch,
            spec.lr * factor,
            factor,
        )
        at.memory, optimizer.param_groups[0]["lr"] = memory, at.rate
        at.noise = cut(noise_at(spec, t, problem.start(spec.seed)), net)
        at.mask = cut(mask(spec, rule), net) if getattr(rule, "mask", None) else []
        loops.step(at, type(rule).__name__, settings(rule))
    return oracles.flat(net)


def mask(spec: RunSpec, rule) -> torch.Tensor:
    """The rule's mask, whose properties test_masks checks."""
    memory = rule.begin(spec.problem.start(0), spec.problem.layout, generator(spec.seed, "rule", 0))
    return memory.get("mask", torch.ones(spec.problem.size())).double()


def fits(rule, model) -> bool:
    try:
        RunSpec(Double(DATA, model), rule, batch=24)
    except SpecError:
        return False
    return True


PAIRS = [
    (rule, name)
    for name, (model, _) in NETWORKS.items()
    for rule in FAMILY + (MASKED if model.norm != "none" else MASKED[3:4])
    if fits(rule, model)
]


def test_only_one_example_micro_batches_are_left_out():
    left_out = [
        (rule, name)
        for name in NETWORKS
        for rule in FAMILY + MASKED
        if (rule, name) not in PAIRS and (rule not in MASKED or "batchnorm" in name)
    ]
    assert left_out == [(MSAM(0.1, 1), "mlp-batchnorm"), (MSAM(0.1, 1), "cnn-batchnorm")]


@pytest.mark.parametrize("rule, network", PAIRS, ids=repr)
def test_loop(rule, network):
    """Every rule, into a third epoch under a falling rate, to 1e-8."""
    model, net = NETWORKS[network]
    update, lr, peer = PEERS["momentum"]
    spec = run(model, rule, update, lr, schedule=Cosine())
    assert away(final(spec).theta, by_modules(spec, net(), peer)) < 1e-8


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("rule", [SAM(0.1), SSAM(ASAM(0.3)), MomentumSAM(0.1), SAMPa(0.1, 0.3)], ids=repr)
@pytest.mark.parametrize("clip", [0.0, 0.5])
def test_loop_under_every_update(rule, name, clip):
    """The same under every update, with and without clipping."""
    update, lr, peer = PEERS[name]
    spec = run(NETWORKS["mlp"][0], rule, update, lr, clip=clip)
    assert away(final(spec).theta, by_modules(spec, NETWORKS["mlp"][1](), peer)) < 1e-8


@pytest.mark.parametrize("restart", [True, False])
@pytest.mark.parametrize(
    "switches", [[(SAM(0.2), 7)], [(SAM(0.2), 2), (SGD(), 5), (LookSAM(0.1, 3), 7)]], ids=["late", "to and fro"]
)
def test_loop_with_switches(switches, restart):
    """Rules that take over from one another, with the momentum kept or restarted."""
    then = tuple(Switch(rule, at, restart=restart) for rule, at in switches)
    update, lr, peer = PEERS["momentum"]
    spec = run(NETWORKS["mlp"][0], SGD(), update, lr, then=then)
    assert away(final(spec).theta, by_modules(spec, NETWORKS["mlp"][1](), peer)) < 1e-8


OTHERS = {
    "SAM": (SAM(0.1), lambda net, base: pytorch_optimizer.SAM(net.parameters(), base, rho=0.1, lr=0.05)),
    "ASAM": (
        ASAM(0.3, 0.0, biases=True),
        lambda net, base: pytorch_optimizer.SAM(net.parameters(), base, rho=0.3, adaptive=True, lr=0.05),
    ),
    "FriendlySAM": (
        FriendlySAM(0.1, 0.8, 0.7),
        lambda net, base: pytorch_optimizer.FriendlySAM(net.parameters(), base, rho=0.1, sigma=0.8, lmbda=0.7, lr=0.05),
    ),
    "GSAM": (
        GSAM(0.1, 0.1, 0.4),
        lambda net, base: pytorch_optimizer.GSAM(
            net.parameters(), base(net.parameters(), lr=0.05), net, Radius(0.1), alpha=0.4
        ),
    ),
}


class Radius:
    """A radius that stays, as the other library asks for it."""

    def __init__(self, value):
        self.value = value

    def step(self):
        return self.value


@pytest.mark.parametrize("network", ["mlp", "cnn"])
@pytest.mark.parametrize("name", OTHERS)
def test_another_library(name, network):
    """pytorch_optimizer's own loops, over plain descent, to 1e-8."""
    rule, make = OTHERS[name]
    model, build = NETWORKS[network]
    spec = RunSpec(Double(DATA, model), rule, lr=0.05, batch=24, steps=STEPS, every=STEPS, curvature=False)
    net = oracles.filled(build(), spec.problem.start(0))
    optimizer, data, batches, loss = (
        make(net, torch.optim.SGD),
        spec.problem.load("train"),
        Batches(spec, "cpu"),
        nn.CrossEntropyLoss(),
    )
    for t in range(STEPS):
        x, y = batches.at(t, data)

        def closure(x=x, y=y):
            optimizer.zero_grad()
            value = loss(net(x), y)
            value.backward()
            return value

        if name == "GSAM":
            optimizer.update_rho_t()
            optimizer.set_closure(loss, x, y)
            optimizer.step()
        else:
            closure()
            optimizer.step(closure)
    assert away(final(spec).theta, oracles.flat(net)) < 1e-8
