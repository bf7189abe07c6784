"""Settings that training is tested with: small networks, the rules that the plain loop knows, and every update, with
PyTorch's own beside it."""

import torch

from engine.data import Digits
from engine.models import CNN, MLP
from engine.rules import SAM, SGD, SSAM, USAM
from engine.training.updates import UPDATES, Adam, AdamW, Momentum
from tests import oracles

DATA = Digits(train=200)
NETWORKS = {
    "mlp": (MLP(width=12, depth=2), lambda: oracles.mlp(64, 10, 12, 2, "relu")),
    "mlp-tanh": (MLP(width=9, depth=1, activation="tanh", init="xavier"), lambda: oracles.mlp(64, 10, 9, 1, "tanh")),
    "linear": (MLP(depth=0), lambda: oracles.mlp(64, 10, 20, 0, "relu")),
    "cnn": (CNN(width=4, depth=2), lambda: oracles.cnn(1, 8, 10, 4, 2, "relu")),
    "cnn-softplus": (CNN(width=3, depth=4, activation="softplus"), lambda: oracles.cnn(1, 8, 10, 3, 4, "softplus")),
}
PEERS = {
    Momentum: (Momentum(momentum=0.9, decay=5e-4), 0.05, lambda p: torch.optim.SGD(p, momentum=0.9, weight_decay=5e-4)),
    Adam: (
        Adam(beta1=0.8, beta2=0.99, decay=0.1),
        0.005,
        lambda p: torch.optim.Adam(p, betas=(0.8, 0.99), weight_decay=0.1),
    ),
    AdamW: (
        AdamW(beta1=0.8, beta2=0.99, decay=0.1),
        0.005,
        lambda p: torch.optim.AdamW(p, betas=(0.8, 0.99), weight_decay=0.1),
    ),
}
ALL_RULES = [SGD(), SAM(0.1), USAM(0.1), SSAM(SAM(0.2)), SSAM(SAM(0.2), shrink=True)]
"""Those that the older loop in tests.oracles knows; tests.loops has all."""
ALL_UPDATES = [PEERS[update][0] for update in UPDATES.values()]
BOTH = {"mlp": NETWORKS["mlp"][0], "cnn": NETWORKS["cnn"][0]}


def away(a: torch.Tensor, b: torch.Tensor) -> float:
    """Relative distance of two vectors."""
    return float((a.double() - b.double()).norm() / b.double().norm())
