"""Every rule once more, as one would write it around a PyTorch module: perturb the weights in place, go back, step.
Nothing here comes from the engine."""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

Tensors = list[Tensor]


@dataclass
class At:
    """One step: the module and its batch, the optimizer, where in the run this is, and what was drawn."""

    net: nn.Module
    loss: Callable[..., Tensor]
    x: Tensor
    y: Tensor
    optimizer: torch.optim.Optimizer
    following: tuple[Tensor, Tensor] | None = None  # the next step's batch
    clip: float = 0.0
    t: int = 0  # steps before this one
    first: bool = False  # of its epoch
    epoch: int = 0
    rate: float = 0.0
    factor: float = 1.0
    noise: Tensors = field(default_factory=list)
    mask: Tensors = field(default_factory=list)  # of 0 and 1
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def weights(self) -> Tensors:
        return list(self.net.parameters())

    def gradient(self, offset: Sequence[Tensor] | None = None, rows: Any = slice(None)) -> Tensors:
        """Backward at the weights moved by `offset`, on some rows of the batch; the weights are put back."""
        saved = [w.detach().clone() for w in self.weights]
        self._move(offset)
        self.net.zero_grad()
        self.loss(self.net(self.x[rows]), self.y[rows]).backward()
        found = [torch.zeros_like(w) if w.grad is None else w.grad.clone() for w in self.weights]
        with torch.no_grad():
            for w, before in zip(self.weights, saved, strict=True):
                w.copy_(before)
        return found

    def step(self, d: Sequence[Tensor]) -> None:
        """The optimizer's step along d."""
        for w, t in zip(self.weights, d, strict=True):
            w.grad = t.clone()
        if self.clip:
            torch.nn.utils.clip_grad_norm_(self.weights, self.clip)
        self.optimizer.step()

    def step_and_back(self, d: Sequence[Tensor]) -> Tensors:
        """How far that step would move the weights; they and the optimizer's state are put back."""
        saved, state = [w.detach().clone() for w in self.weights], deepcopy(self.optimizer.state_dict())
        self.step(d)
        moved = [w.detach() - before for w, before in zip(self.weights, saved, strict=True)]
        with torch.no_grad():
            for w, before in zip(self.weights, saved, strict=True):
                w.copy_(before)
        self.optimizer.load_state_dict(state)
        return moved

    def losses(self, offset: Sequence[Tensor] | None = None) -> Tensor:
        saved = [w.detach().clone() for w in self.weights]
        self._move(offset)
        with torch.no_grad():
            found = torch.stack(
                [self.loss(row[None], y[None]) for row, y in zip(self.net(self.x), self.y, strict=True)]
            )
            for w, before in zip(self.weights, saved, strict=True):
                w.copy_(before)
        return found

    def _move(self, offset: Sequence[Tensor] | None) -> None:
        with torch.no_grad():
            for w, o in zip(self.weights, offset or [], strict=bool(offset)):
                w += o


def size(tensors: Sequence[Tensor]) -> float:
    return math.sqrt(sum(float((t**2).sum()) for t in tensors))


def dot(a: Sequence[Tensor], b: Sequence[Tensor]) -> float:
    return sum(float((s * t).sum()) for s, t in zip(a, b, strict=True))


def times(c: float, a: Sequence[Tensor]) -> Tensors:
    return [c * t for t in a]


def plus(a: Sequence[Tensor], b: Sequence[Tensor], c: float = 1.0) -> Tensors:
    return [s + c * t for s, t in zip(a, b, strict=True)]


def sgd(at: At) -> Tensors:
    return at.gradient()


def sam(at: At, rho: float, **_) -> Tensors:
    g = [t * m for t, m in zip(at.gradient(), at.mask, strict=True)] if at.mask else at.gradient()
    return at.gradient(times(rho / size(g), g))


def usam(at: At, rho: float) -> Tensors:
    return at.gradient(times(rho, at.gradient()))


def unified(at: At, rho: float, lam: float) -> Tensors:
    g = at.gradient()
    return at.gradient(times(rho * (1 - lam + lam / size(g)), g))


def asam(at: At, rho: float, eta: float, scale: str, biases: bool, **_) -> Tensors:
    g = [t * m for t, m in zip(at.gradient(), at.mask, strict=True)] if at.mask else at.gradient()
    names = [name for name, _ in at.net.named_parameters()]
    t = []
    for name, w in zip(names, at.weights, strict=True):
        w = w.detach()
        if name.endswith("bias") and not biases:
            t.append(torch.ones_like(w))
        elif scale == "layerwise":
            t.append(torch.full_like(w, float(w.norm())))
        else:
            t.append(w.abs() + eta)
    if scale == "infinity":
        return at.gradient([rho * a * b.sign() for a, b in zip(t, g, strict=True)])
    length = size([a * b for a, b in zip(t, g, strict=True)])
    return at.gradient([rho * a * a * b / length for a, b in zip(t, g, strict=True)])


def micro(at: At, rho: float, m: int) -> Tensors:
    total, n = [torch.zeros_like(w) for w in at.weights], len(at.x)
    for rows in torch.arange(n).split(m or n):
        g = at.gradient(rows=rows)
        total = plus(total, at.gradient(times(rho / size(g), g), rows), len(rows) / n)
    return total


def gsam(at: At, rho: float, rho_min: float, alpha: float) -> Tensors:
    g, radius = at.gradient(), rho_min + (rho - rho_min) * at.factor
    u = at.gradient(times(radius / size(g), g))
    across = plus(g, u, -dot(g, u) / size(u) ** 2)
    return plus(u, across, -alpha)


def friendly(at: At, rho: float, sigma: float, decay: float) -> Tensors:
    g = at.gradient()
    mean = at.memory.get("mean")
    v = g if mean is None else plus(g, mean, -sigma)
    at.memory["mean"] = g if mean is None else plus(times(decay, mean), g, 1 - decay)
    return at.gradient(times(rho / size(v), v))


def random_direction(at: At, rho: float) -> Tensors:
    return at.gradient(times(rho / size(at.noise), at.noise))


def esam(at: At, rho: float, beta: float, gamma: float) -> Tensors:
    g, normal = at.gradient(), torch.distributions.Normal(0.0, 1.0)
    chosen = [(normal.cdf(z) < beta).to(z) for z in at.noise]
    eps = [rho / beta * c * t / size(g) for c, t in zip(chosen, g, strict=True)]
    rise = at.losses(eps) - at.losses()
    return at.gradient(eps, rise.argsort(descending=True)[: max(1, round(gamma * len(rise)))])


def look(at: At, rho: float, k: int, alpha: float) -> Tensors:
    g = at.gradient()
    if at.t % k == 0:
        u = at.gradient(times(rho / size(g), g))
        at.memory["v"] = plus(u, g, -dot(u, g) / size(g) ** 2)
        return u
    return plus(g, at.memory["v"], alpha * size(g) / size(at.memory["v"]))


def momentum(at: At, rho: float) -> Tensors:
    v = [at.optimizer.state[w].get("momentum_buffer", at.optimizer.state[w].get("exp_avg")) for w in at.weights]
    return at.gradient() if v[0] is None else at.gradient(times(-rho / size(v), v))


def parallel(at: At, rho: float, lam: float) -> Tensors:
    h = at.memory["h"] if at.t else at.gradient()
    u, ahead, here = at.gradient(times(rho / size(h), h)), at.step_and_back(h), (at.x, at.y)
    assert at.following, "needs the next step's batch"
    at.x, at.y = at.following
    at.memory["h"] = at.gradient(ahead)
    at.x, at.y = here
    return plus(times(1 - lam, u), at.memory["h"], lam)


def graph(at: At, rho: float, beta: float, gamma: float, period: int) -> Tensors:
    if at.first:
        g = at.gradient()
        at.memory["h"] = times(1 / size(g), g)
    radius, t = rho * gamma ** (at.epoch // period), [w.detach().abs() for w in at.weights]
    length = size([a * b for a, b in zip(t, at.memory["h"], strict=True)])
    eps = [radius * a * a * b / length for a, b in zip(t, at.memory["h"], strict=True)]
    u = at.gradient(eps if size(eps) <= radius else times(radius / size(eps), eps))
    at.memory["h"] = plus(times(beta, at.memory["h"]), u, (1 - beta) / size(u))
    return u


def lookahead(at: At, rho: float, k: int, alpha: float) -> Tensors:
    at.memory.setdefault("slow", [w.detach().clone() for w in at.weights])
    return sam(at, rho)


def rescaled(at: At, inner: Callable[..., Tensors], shrink: bool, **settings: Any) -> Tensors:
    u, length = inner(at, **settings), size(at.gradient())
    factor = length / size(u)
    return times(min(1.0, factor) if shrink else factor, u)


def adversarial(at: At, eps: float, steps: int, step: float, norm: str) -> Tensors:
    clean = at.x
    for _ in range(steps):
        x = at.x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(at.loss(at.net(x), at.y), x)
        with torch.no_grad():
            for i in range(len(x)):
                if norm == "infinity":
                    x[i] = torch.maximum(
                        torch.minimum(x[i] + step * eps * slope[i].sign(), clean[i] + eps), clean[i] - eps
                    )
                else:
                    away = x[i] + step * eps * slope[i] / size([slope[i]]) - clean[i]
                    x[i] = clean[i] + away * min(1.0, eps / size([away]))
        at.x = x.detach()
    found, at.x = at.gradient(), clean
    return found


LOOPS: dict[str, Callable[..., Tensors]] = {
    "SGD": sgd,
    "SAM": sam,
    "USAM": usam,
    "UnifiedSAM": unified,
    "ASAM": asam,
    "MSAM": micro,
    "GSAM": gsam,
    "FriendlySAM": friendly,
    "RandomDirection": random_direction,
    "ESAM": esam,
    "LookSAM": look,
    "MomentumSAM": momentum,
    "SAMPa": parallel,
    "GraphSAM": graph,
    "LookaheadSAM": lookahead,
    "SSAM": rescaled,
    "PGD": adversarial,
}


def step(at: At, name: str, settings: dict[str, Any]) -> None:
    """One step of a rule by name: its direction becomes the gradients, and the optimizer takes them."""
    at.step(LOOPS[name](at, **settings))
    if name == "LookaheadSAM" and (at.t + 1) % settings["k"] == 0:
        with torch.no_grad():
            for w, slow in zip(at.weights, at.memory["slow"], strict=True):
                slow += settings["alpha"] * (w - slow)
                w.copy_(slow)
