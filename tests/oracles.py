"""Oracles: the engine's quantities by other means, in plain PyTorch modules and NumPy; nothing here comes from the
engine."""

import math
from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import parameters_to_vector, vector_to_parameters

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "softplus": nn.Softplus}


def mlp(inputs: int, classes: int, width: int, depth: int, activation: str) -> nn.Sequential:
    """Linear layers of one width."""
    widths, layers = [inputs] + [width] * depth, [nn.Flatten()]
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], classes))


def cnn(channels: int, side: int, classes: int, width: int, depth: int, activation: str) -> nn.Sequential:
    """3x3 convolutions, each with 2x2 average pooling while the image is at least 4 wide, and a linear read-out."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Conv2d(channels, width, 3, padding=1), ACTIVATIONS[activation]()]
        if side >= 4:
            layers.append(nn.AvgPool2d(2))
            side //= 2
        channels = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * side * side, classes))


def filled(net: nn.Module, theta: Tensor) -> nn.Module:
    """The module with its parameters copied from a flat vector, in the vector's type."""
    net.to(theta.dtype)
    vector_to_parameters(theta.clone(), net.parameters())
    return net


def flat(net: nn.Module) -> Tensor:
    """The module's parameters as one vector."""
    return parameters_to_vector(net.parameters()).detach()


def away(a: Tensor, b: Tensor) -> float:
    """Relative distance of two vectors [n]."""
    return float((a.double() - b.double()).norm() / b.double().norm())


def criterion(objective: str) -> Callable[[Tensor, Tensor], Tensor]:
    """The mean loss of logits [N, C] for classes [N]."""
    if objective == "cross-entropy":
        return nn.CrossEntropyLoss()
    return lambda logits, y: ((logits - torch.eye(logits.shape[1], dtype=logits.dtype)[y]) ** 2).sum() / logits.numel()


def descend(
    net: nn.Module,
    batches: Iterable,
    loss: Callable,
    optimizer: torch.optim.Optimizer,
    rule: str,
    rho: float,
    rates: Iterable[float],
    shrink: bool = False,
) -> None:
    """The usual in-place training loop: one backward pass a step, and a second one at the perturbed weights where
    the rule wants it."""
    for (x, y), rate in zip(batches, rates, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        first = _backward(net, loss, x, y)
        if rule != "SGD":
            weights = [p.detach().clone() for p in net.parameters()]
            with torch.no_grad():
                for p, g in zip(net.parameters(), first, strict=True):
                    p += (rho if rule == "USAM" else rho / _norm(first)) * g
            second = _backward(net, loss, x, y)
            factor = _norm(first) / _norm(second) if rule == "SSAM" else 1.0
            with torch.no_grad():
                for p, w, u in zip(net.parameters(), weights, second, strict=True):
                    p.copy_(w)
                    p.grad = (min(1.0, factor) if shrink else factor) * u
        optimizer.step()


def _backward(net, loss, x, y) -> list[Tensor]:
    net.zero_grad()
    loss(net(x), y).backward()
    return [p.grad.clone() for p in net.parameters()]


def _norm(tensors: list[Tensor]) -> float:
    return math.sqrt(sum(float((t.double() ** 2).sum()) for t in tensors))


def loss_of(net: nn.Module, loss: Callable, x: Tensor, y: Tensor) -> Callable[[Tensor], Tensor]:
    """The module's mean loss as a function of a flat vector."""
    shapes = {name: p.shape for name, p in net.named_parameters()}

    def value(theta: Tensor) -> Tensor:
        pieces = theta.split([s.numel() for s in shapes.values()])
        return loss(
            functional_call(
                net, {name: piece.view(s) for (name, s), piece in zip(shapes.items(), pieces, strict=True)}, (x,)
            ),
            y,
        )

    return value


def hessian(value: Callable[[Tensor], Tensor], theta: Tensor) -> Tensor:
    """The dense Hessian [n, n] in float64."""
    return torch.as_tensor(torch.autograd.functional.hessian(value, theta.detach().double()))


def symmetric(eigenvalues: list[float], seed: int = 0) -> Tensor:
    """A symmetric float64 matrix with these eigenvalues, in a random orthonormal basis."""
    n = len(eigenvalues)
    q = torch.linalg.qr(torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))[0]
    return q @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ q.T


def threshold(rule: str, rho: float, top: float) -> float:
    """The learning rate beyond which full-batch steps on a quadratic of largest eigenvalue `top` grow without bound
    (Dai, Ahn & Sra 2023)."""
    return 2 / (top + rho * top**2) if rule == "USAM" else 2 / top


def long_bartlett(eta: float, rho: float, gradient_norm: float) -> float:
    """The SAM-edge as its authors write it."""
    return gradient_norm / (2 * rho) * (math.sqrt(1 + 8 * rho / (eta * gradient_norm)) - 1)


def projected(
    points: np.ndarray, origin: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates [T, 2] of points [T, n] on a plane by least squares, and their distances [T] from it."""
    directions = np.stack([first, second], axis=1)
    coordinates = np.linalg.lstsq(directions, (points - origin).T, rcond=None)[0]
    return coordinates.T, np.linalg.norm((points - origin).T - directions @ coordinates, axis=0)
