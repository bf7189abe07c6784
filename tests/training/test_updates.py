"""Updates against torch's own optimizers on given directions, in both precisions, alone and in an ensemble."""

import math

import pytest
import torch

from engine.training.updates import UPDATES, Adam, AdamW, Momentum

PEERS = {
    "plain": (Momentum(), lambda p, lr: torch.optim.SGD(p, lr)),
    "momentum": (Momentum(0.9), lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9)),
    "decay": (Momentum(0.0, 0.1), lambda p, lr: torch.optim.SGD(p, lr, weight_decay=0.1)),
    "both": (Momentum(0.99, 0.01), lambda p, lr: torch.optim.SGD(p, lr, momentum=0.99, weight_decay=0.01)),
    "nesterov": (
        Momentum(0.9, 0.01, nesterov=True),
        lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9, weight_decay=0.01, nesterov=True),
    ),
    "adam": (Adam(), lambda p, lr: torch.optim.Adam(p, lr)),
    "adam-set": (
        Adam(0.5, 0.99, 0.3, 1e-4),
        lambda p, lr: torch.optim.Adam(p, lr, betas=(0.5, 0.99), weight_decay=0.3, eps=1e-4),
    ),
    "adamw": (AdamW(), lambda p, lr: torch.optim.AdamW(p, lr)),
    "adamw-set": (
        AdamW(0.5, 0.9999, 0.3, 1e-4),
        lambda p, lr: torch.optim.AdamW(p, lr, betas=(0.5, 0.9999), weight_decay=0.3, eps=1e-4),
    ),
    "adamw-zero": (AdamW(0.0, 0.0, 0.0), lambda p, lr: torch.optim.AdamW(p, lr, betas=(0.0, 0.0), weight_decay=0.0)),
}


def directions(count: int, n: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(count, n, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)


def steps(update, theta, ds, lr):
    memory = update.begin(theta)
    for d in ds:
        theta, memory = update.apply(theta, d, memory, lr)
    return theta


def test_every_update_is_checked():
    assert {type(update) for update, _ in PEERS.values()} == set(UPDATES.values())


@pytest.mark.parametrize(
    "dtype, tolerance", [(torch.float64, 1e-12), (torch.float32, 1e-6)], ids=["float64", "float32"]
)
@pytest.mark.parametrize("count", [1, 2, 40])
@pytest.mark.parametrize("name", PEERS)
def test_torch_optimizer(name, count, dtype, tolerance):
    update, peer = PEERS[name]
    start, *ds = directions(count + 1, 50, dtype)
    weight = torch.nn.Parameter(start.clone())
    optimizer = peer([weight], 0.03)
    for d in ds:
        weight.grad = d.clone()
        optimizer.step()
    before = start.clone()
    end = steps(update, start, ds, 0.03)
    assert end.dtype == dtype and torch.equal(start, before)
    assert float((end - weight.detach()).norm() / weight.detach().norm()) < tolerance


@pytest.mark.parametrize("name", PEERS)
def test_under_vmap(name):
    """In single precision, for three runs at once, as for each alone."""
    update, _ = PEERS[name]
    starts, *ds = (d.view(3, 20) for d in directions(21, 60, torch.float32))
    memory = {k: torch.stack([v] * 3) for k, v in update.begin(starts[0]).items()}
    theta, rates = starts, torch.tensor([0.01, 0.02, 0.03])
    for d in ds:
        theta, memory = torch.vmap(update.apply)(theta, d, memory, rates)
    alone = torch.stack([steps(update, starts[i], [d[i] for d in ds], float(rates[i])) for i in range(3)])
    assert float((theta - alone).norm() / alone.norm()) < 1e-6


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("mu", [0.0, 0.9])
def test_decoupled_decay(mu, nesterov):
    """Decoupled from the momentum, decay is a factor on the weights: torch's optimizer without decay, shrunk by hand
    before each step."""
    start, *ds = directions(21, 50, torch.float64)
    weight = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.SGD([weight], 0.03, momentum=mu, nesterov=nesterov and mu > 0)
    for d in ds:
        weight.grad = d.clone()
        with torch.no_grad():
            weight *= 1 - 0.03 * 0.2
        optimizer.step()
    end = steps(Momentum(mu, 0.2, nesterov, decoupled=True), start, ds, 0.03)
    assert torch.allclose(end, weight.detach(), rtol=1e-12)


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("mu, decay, lr", [(0.0, 0.0, 0.1), (0.9, 0.0, 0.1), (0.5, 0.3, 0.02), (0.9, 0.8, 0.5)])
def test_limits(mu, decay, lr, nesterov, decoupled):
    """On a quadratic the iteration's matrix, read off the update itself, has spectral radius 1 exactly at the limit."""
    update = Momentum(mu, decay, nesterov, decoupled)
    for factor, stable in ((0.999, True), (1.001, False)):
        h, columns = factor * update.limit(lr), []
        for w, m in ((1.0, 0.0), (0.0, 1.0)):
            theta, memory = torch.tensor([w], dtype=torch.float64), {"m": torch.tensor([m], dtype=torch.float64)}
            theta, memory = update.apply(theta, h * theta, memory, lr)
            columns.append(torch.cat([theta, memory["m"]]))
        assert (torch.linalg.eigvals(torch.stack(columns, 1)).abs().max() < 1) == stable


def test_no_limit():
    assert math.isnan(AdamW().limit(0.1)) and math.isnan(Adam().limit(0.1)) and math.isnan(Momentum().limit(0.0))
