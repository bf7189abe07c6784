"""Interleaved timing, and how a benchmark says what it found."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence

import torch

from engine.machine import CORES, settle


def device(about: str | None) -> str:
    """Reads --device, sets torch up and says where this runs."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    chosen = parser.parse_args().device
    if chosen == "cuda" and not torch.cuda.is_available():
        raise SystemExit("--device cuda: torch sees no CUDA device here")
    settle()
    name = torch.cuda.get_device_name() if chosen == "cuda" else platform.machine()
    print(
        f"# {chosen} ({name}), {CORES} cores, load {os.getloadavg()[0]:.1f}, torch {torch.__version__}, "
        f"{torch.get_num_threads()} torch thread",
        flush=True,
    )
    return chosen


def seconds(work: Callable[[], object]) -> float:
    """How long it takes, with all that it left on a GPU."""
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def interleaved(repeats: int, *works: Callable[[], object]) -> list[list[float]]:
    """Seconds of every work, `repeats` times each, in turn, so that a busy moment of the machine meets them all."""
    rows = [[seconds(work) for work in works] for _ in range(repeats)]
    return [list(column) for column in zip(*rows, strict=True)]


def report(name: str, values: Sequence[float], note: str = "") -> float:
    """Prints the median of a figure's repeats, and their quartiles as a comment; returns the median."""
    middle = statistics.median(values)
    low, _, high = statistics.quantiles(values, n=4) if len(values) > 1 else (middle,) * 3
    print(f"ratio {name} {middle:.4g}")
    print(f"#   quartiles {low:.4g} to {high:.4g} of {len(values)} repeats{'; ' + note if note else ''}", flush=True)
    return middle


def divided(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """The ratio within each repeat."""
    return [a / b for a, b in zip(above, below, strict=True)]
