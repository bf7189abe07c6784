"""Words: names, numbers and runs as people say them."""

from __future__ import annotations

import math
import re
from typing import Any

from engine.spec import encode, knobs
from pages.ui.link import params


def title(name: str) -> str:
    """A class's name in words: StepDecay is Step decay, PathPCA is Path PCA, AdamW stays."""
    first, *rest = re.sub(r"(?<=[a-z])(?=[A-Z]\w)", " ", name).split()
    return " ".join([first, *(word if word.isupper() else word.lower() for word in rest)])


def number(value: float, digits: int = 3) -> str:
    """A number to so many significant digits, an en dash where it is not one."""
    return "–" if not math.isfinite(value) else f"{value:.{digits}g}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.1e}"


def percent(share: float) -> str:
    return "–" if not math.isfinite(share) else f"{100 * share:.1f}%"


def duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "–"
    return (
        f"{seconds:.1f} s"
        if seconds < 10
        else f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} min"
        if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )


def run(spec: Any) -> str:
    """A run in one line: what is trained, by which rule, and every number that differs from the defaults."""
    names = [title(name) for name in _leaves(encode(spec.problem))]
    changed = [f"{key.rpartition('.')[2]} {text}" for key, text in params(spec).items() if not _is_pick(spec, key) and key != "lr"]
    return " · ".join([*names, title(type(spec.rule).__name__), f"lr {spec.lr:g}", *changed])


def _leaves(encoded: dict[str, Any]) -> list[str]:
    below = [name for value in encoded.values() if isinstance(value, dict) for name in _leaves(value)]
    return below or [encoded["name"]]


def _is_pick(spec: Any, key: str) -> bool:
    head, _, rest = key.partition(".")
    return knobs(type(spec))[head].kind == "pick" and (not rest or _is_pick(getattr(spec, head), rest))
