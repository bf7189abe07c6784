"""A GPU against the CPU, all in one: tests, times and agreement, as a table: `python -m benchmarks.device --out FILE`.

Takes at most 8 minutes, and needs torch, numpy and scipy only. `--device cpu` is a dry run in small.
Exits with 1 where something failed or does not agree.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.agreement import Row, Sizes, made, path, rules, spectra, surfaces, trained
from benchmarks.ensemble import Tapered
from benchmarks.measure import seconds
from benchmarks.step import advance, by_hand, engine
from engine.analyses.planes import Random
from engine.analyses.spectrum import SpectrumSpec
from engine.analyses.surface import SurfaceSpec
from engine.machine import settle
from engine.models import CNN, MLP
from engine.problems import Classification
from engine.rules import SAM
from engine.training.loop import train
from engine.training.runs import RunSpec

ROOT = Path(__file__).resolve().parents[1]
ENOUGH = 400.0
"""Seconds after which no further part begins, so that all ends within 8 minutes."""
FULL, DRY = Sizes(100, 7, 32, 51, 300, 1437), Sizes(2, 2, 3, 5, 12, 40)
Part = Callable[[str, Sizes], Iterator[Row]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: a dry run in small")
    parser.add_argument("--out", type=Path, help="the file of the table; device.md in the folder $OUT, if that is set")
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("device: torch sees no CUDA device here, so nothing was measured")
    settle()
    lines, sound = table(given.device, FULL if given.device == "cuda" else DRY)
    text = "\n".join(lines) + "\n"
    print(text, end="")
    out = given.out or (Path(os.environ["OUT"]) / "device.md" if os.environ.get("OUT") else None)
    if out:
        out.write_text(text, encoding="utf-8")
    raise SystemExit(0 if sound else 1)


def table(on: str, sizes: Sizes) -> tuple[list[str], bool]:
    """The lines of the table, and whether nothing failed."""
    begun, sound = time.perf_counter(), True
    lines = [where(on), ""]
    for columns, parts in (
        (("time", f"{on}", "cpu", "cpu / " + on), (steps, ensemble, surface, spectrum)),
        (("agreement with the CPU", "difference", "at most", "holds"), (path, rules, surfaces, spectra)),
        (("tests marked cuda", "result"), (tests,)),
    ):
        lines += [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        for part in parts:
            for row in rows(part, on, sizes, time.perf_counter() - begun):
                sound = sound and row[-1] not in ("no", "failed")
                lines.append(f"| {' | '.join(row)} |")
                print(f"# {time.perf_counter() - begun:.0f} s: {lines[-1]}", file=sys.stderr, flush=True)
        lines.append("")
    return lines, sound


def rows(part: Part, on: str, sizes: Sizes, spent: float) -> Iterator[Row]:
    """A part's rows; what goes wrong in one part is a row too, and leaves the others alone."""
    if spent > ENOUGH:
        yield part.__name__, f"left out after {spent:.0f} s", "", "failed"
        return
    try:
        yield from part(on, sizes)
    except Exception as error:
        said = (str(error).splitlines() or [""])[0][:200]
        yield part.__name__, f"{type(error).__name__}: {said}", "", "failed"


def where(on: str) -> str:
    """What was measured, when and on what."""
    name = torch.cuda.get_device_name() if on == "cuda" else "dry run, no figures to keep"
    cuda = f", CUDA {torch.version.cuda}" if on == "cuda" else ""
    return (
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}. {on} ({name}) beside {platform.machine()}, "
        f"{os.cpu_count()} cores; Python {platform.python_version()}, torch {torch.__version__}{cuda}, numpy "
        f"{np.__version__}, one torch thread."
    )


def timed(name: str, repeats: int, on: str, work: Callable[[str], object], unit: float = 1.0) -> Row:
    """Milliseconds of some work on both devices, medians of repeats in turn after one to warm up; per unit."""
    for device in (on, "cpu"):
        work(device)
    pairs = [[1e3 * seconds(partial(work, device)) / unit for device in (on, "cpu")] for _ in range(repeats)]
    ours, cpu = (statistics.median(column) for column in zip(*pairs, strict=True))
    return name, f"{ours:.4g} ms", f"{cpu:.4g} ms", f"{cpu / ours:.3g}"


def steps(on: str, sizes: Sizes) -> Iterator[Row]:
    """A SAM step of one run, by the engine and by hand."""
    for name, model in (("MLP", MLP(width=64, depth=2)), ("CNN", CNN())):
        for whose, loop in (("the engine's", engine), ("by hand", by_hand)):
            going = {device: loop(model, device) for device in (on, "cpu")}
            yield timed(
                f"a SAM step of the {name}, {whose}",
                sizes.repeats,
                on,
                lambda device, going=going: advance(going[device], sizes.steps),
                sizes.steps,
            )


def ensemble(on: str, sizes: Sizes) -> Iterator[Row]:
    """A run's SAM step among many together."""
    for name, model in (("MLP", Tapered()), ("CNN", CNN())):
        spec = RunSpec(Classification(model=model), SAM(0.05), steps=10**6, every=10**6, curvature=False)
        specs = [replace(spec, seed=seed) for seed in range(sizes.runs)]
        going = {device: (tick for tick in train(specs, device) if tick.frame is None) for device in (on, "cpu")}
        count = max(1, sizes.steps // 10)
        yield timed(
            f"a SAM step of the {name}, each of {sizes.runs} runs together",
            sizes.repeats,
            on,
            lambda device, going=going, count=count: advance(going[device], count),
            count * sizes.runs,
        )


def surface(on: str, sizes: Sizes) -> Iterator[Row]:
    """A surface as the app draws it."""
    run = trained(CNN(), 10, sizes.images)
    work = SurfaceSpec(Random(), resolution=sizes.resolution)
    side = f"{sizes.resolution}x{sizes.resolution}"
    yield timed(f"a {side} surface of the CNN", 2, on, lambda device: made(work, run, device))


def spectrum(on: str, sizes: Sizes) -> Iterator[Row]:
    """A spectrum as the app computes it."""
    run = trained(MLP(width=64, depth=2), sizes.train, sizes.images)
    for name, work in (
        ("the five largest eigenvalues", SpectrumSpec(bottom=0, probes=0, exact=False)),
        ("a spectrum with its density", SpectrumSpec(depth=min(64, sizes.steps + 2), exact=False)),
    ):
        yield timed(f"{name}, MLP", 3, on, lambda device, work=work: made(work, run, device))


def tests(on: str, sizes: Sizes) -> Iterator[Row]:
    """The tests that need a GPU, where pytest is there."""
    files = [str(f) for f in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.cuda" in f.read_text("utf-8")]
    if importlib.util.find_spec("pytest") is None:
        yield f"{len(files)} files", "not run: pytest is not installed"
        return
    # without the project's options, which name plugins that may be missing
    options = ["-q", "-m", "cuda", "-c", os.devnull, "--rootdir", str(ROOT), "--import-mode=importlib"]
    command = [sys.executable, "-m", "pytest", *options, "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    said = (done.stdout.strip().splitlines() or ["no output"])[-1]
    yield f"{len(files)} files", said, *([] if done.returncode == 0 else ["failed"])


if __name__ == "__main__":
    main()
