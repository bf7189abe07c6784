"""Words for captions: what an encoded spec says, in a phrase."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.figures.drawing import say

Spec = Mapping[str, Any]
"""An encoded RunSpec, as a Run record keeps it."""


def data(spec: Spec, split: str = "train") -> str:
    """What was computed on: "on all 1,437 training examples of Digits"; for a toy landscape, the function."""
    problem = spec["problem"]
    if not has_data(spec):
        return f"on {problem['name']}, a function of {len(problem['begin'])} coordinates"
    examples = problem["data"]
    count = f"{examples['train']:,} training" if split == "train" and "train" in examples else {"train": "training", "test": "held-out"}[split]
    return f"on all {count} examples of {examples['name']}"


def run(spec: Spec) -> str:
    """The run: "MLP trained with SAM (rho 0.05), Momentum, learning rate 0.1, batch 64, seed 0"."""
    problem = spec["problem"]
    subject = problem["model"]["name"] if "model" in problem else "Point"
    batch = ("batch " + say(spec["batch"])) if spec["batch"] else "full batch"
    parts = [
        part(spec["rule"]),
        "no momentum" if part(spec["update"]) == "Momentum" else part(spec["update"]),
        f"learning rate {say(spec['lr'])}",
        batch,
        f"seed {spec['seed']}",
    ]
    return f"{subject} trained with {', '.join(parts)}"


def has_data(spec: Spec) -> bool:
    """Whether there are examples, or a function only."""
    return "data" in spec["problem"]


def part(spec: Spec) -> str:
    """A part of a spec with its settings: "SAM (rho 0.05)"."""
    settings = [f"{key} {say(value) if isinstance(value, int | float) else value}" for key, value in spec.items() if key != "name" and value not in (0, False)]
    return f"{spec['name']} ({', '.join(settings)})" if settings else str(spec["name"])


def rule(spec: Spec) -> str:
    return spec["rule"]["name"]


def loss(spec: Spec) -> str:
    """The loss and its unit, for an axis."""
    objective = spec["problem"].get("objective")
    return {"cross-entropy": "cross-entropy loss (nats)", "squared error": "mean squared error"}.get(objective or "", objective or "value of the function")


def percent(share: float) -> str:
    return f"{100 * share:.1f}%"
