"""The command line: `python -m engine train SPEC.json`, `surface`, `spectrum` or `alignment` of that run;
`experiment` for a paper's checks; `download`."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from engine.data import SOURCES, download
from engine.experiments import EXPERIMENTS, PAPERS, SIZES, Experiment
from engine.machine import settle
from engine.records import RecordError
from engine.spec import SpecError, digest, dumps, knobs, parse, read_words
from engine.training.runs import RUNS, RunSpec
from engine.work.store import Store
from engine.work.tasks import ANALYSES, Progress, Stop, analysis, training
from engine.work.verdicts import lines, named, tables

LARGEST = 1_000_000
"""Bytes of a spec file that are read: a spec has a few hundred."""


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; 0 where its record was made, 1 where the run failed, 2 with one line on standard error for
    bad input, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    settle()
    try:
        if options.command == "spec":
            print(dumps(RunSpec()))
            return 0
        if options.store:
            os.environ["RAVINE_STORE"] = options.store  # datasets are kept beside the runs
        if options.command == "download":
            return _download(options.name)
        _check_device(options.device)
        store = Store(options.store)
        if options.command == "experiment":
            return _experiment(options, store)
        if options.command == "train":
            spec = read(options.spec)
            task = training(store, spec, options.device, options.fresh)
            path = store.folder(digest(spec)) / "run.npz"
        else:
            run = _run(store, options.run)
            spec = _analysis_spec(options)
            task = analysis(store, run, spec, options.device)
            path = store.folder(run) / f"{digest(spec)}.npz"
        return _drive(task, options.command, path)
    except (SpecError, RecordError) as error:
        print(f"engine {options.command}: {error}", file=sys.stderr)
        return 2


def read(path: str, table: Mapping[str, type] = RUNS) -> Any:
    """The spec of one of the table's classes, by default a RunSpec, in a JSON file."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(LARGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'not text'})") from None
    if len(text) > LARGEST:
        raise SpecError(f"{path}: longer than {LARGEST} characters")
    return parse(table, text)


def _download(name: str) -> int:
    """Fetches an image set under a progress bar of bytes; Ctrl-C ends that and leaves nothing behind."""
    try:
        with tqdm(desc=name, unit="B", unit_scale=True, dynamic_ncols=True) as bar:
            for at in download(name):
                bar.total = max(at.done, at.total)
                bar.update(at.done - bar.n)
    except KeyboardInterrupt:
        return 130
    print("finished", file=sys.stderr)
    return 0


def _experiment(options: argparse.Namespace, store: Store) -> int:
    """Performs experiments and prints their checks; 0 only where all that is claimed to hold does."""
    made = []
    for table in tables(_experiments(options.name, options.size), store.root, options.device):
        made.append(table)
        print(lines(table), file=sys.stderr if options.json else sys.stdout, flush=True)
    if options.json:
        print(
            json.dumps(
                sorted(made, key=lambda table: list(EXPERIMENTS).index(table["experiment"])), indent=1, allow_nan=False
            )
        )
    return 0 if all(table["reproduced"] for table in made) else 1


def _experiments(name: str, size: str | None) -> list[Experiment]:
    """What a name means, or a spec: as JSON, or in a file."""
    if not name.startswith("{") and not name.endswith(".json"):
        return named(name, size or SIZES[0])
    one = parse(EXPERIMENTS, name) if name.startswith("{") else read(name, EXPERIMENTS)
    one = replace(one, size=size or one.size)
    one.ensembles()  # SpecError where its settings describe no runs
    return [one]


def _drive(task: Iterator[Progress], title: str, path: Path) -> int:
    """Runs a task under a progress bar; Ctrl-C ends it after the step at hand and keeps what there is."""
    at, pressed = Progress(0, 0), []
    before = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        with tqdm(desc=title, unit="", dynamic_ncols=True, smoothing=0.1) as bar:
            for at in task:
                _show(bar, at)
                if pressed and at.status == "running":
                    at = task.throw(Stop())  # type: ignore[attr-defined]  # a generator
                    break
            bar.refresh()
    finally:
        signal.signal(signal.SIGINT, before)
    print(f"{at.status}{': ' + at.reason if at.reason else ''}", file=sys.stderr)
    if at.status in ("finished", "diverged"):
        print(path)
    return {"finished": 0, "diverged": 0, "stopped": 130}.get(at.status, 1)


def _show(bar: Any, at: Progress) -> None:
    bar.total = at.total
    bar.update(at.done - bar.n)
    if at.frame:
        shown = {"loss": at.frame["train_loss"], "sharpness": at.frame["sharpness"]}
        bar.set_postfix({name: f"{value:.3g}" for name, value in shown.items() if not math.isnan(value)}, refresh=False)


def _run(store: Store, name: str) -> str:
    """A run's digest, from itself or from its spec file."""
    run = digest(read(name)) if name.endswith(".json") else name
    if not store.has(run):
        raise SpecError(f"run: the store {store.root} holds no run {run}; train it first")
    return run


def _analysis_spec(options: argparse.Namespace) -> Any:
    cls = ANALYSES[options.command]
    given = {name: text for name in knobs(cls) if (text := getattr(options, name)) is not None}
    return read_words({cls.__name__: cls}, [f"{name}={text}" for name, text in given.items()])


def _check_device(device: str) -> None:
    known = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if device not in known:
        raise SpecError(f"device: expected one of {', '.join(known)}, got {device[:40]!r}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("spec", help="print the default run's spec, to start from")
    train = commands.add_parser("train", help="train a run from its spec file")
    train.add_argument("spec", metavar="SPEC.json")
    train.add_argument(
        "--fresh", action="store_true", help="from the start, even where an unfinished run could be gone on with"
    )
    fetch = commands.add_parser("download", help="fetch an image set from OpenML, once")
    fetch.add_argument(
        "name",
        metavar="NAME",
        help=", ".join(f"{name} (about {source.size / 1e6:.0f} MB)" for name, source in SOURCES.items()),
    )
    trial = commands.add_parser("experiment", help="perform a paper's experiments and print their checks")
    trial.add_argument(
        "name",
        metavar="NAME",
        help=(
            f"all, a paper ({', '.join(PAPERS)}), one of {', '.join(EXPERIMENTS)}, or the spec of one as JSON or "
            "SPEC.json"
        ),
    )
    for size in SIZES:
        trial.add_argument(f"--{size}", dest="size", action="store_const", const=size)
    trial.add_argument("--json", action="store_true", help="the tables as JSON on standard output")
    for name, cls in ANALYSES.items():
        command = commands.add_parser(name, help=(cls.__doc__ or "").splitlines()[0])
        command.add_argument("run", metavar="RUN", help="a run's digest, or its SPEC.json")
        for option, k in knobs(cls).items():
            words = f"{k.help or k.label} ({', '.join(k.range)})"
            command.add_argument(f"--{option}", metavar="VALUE", help=words.replace("%", "%%"))
    for name, command in commands.choices.items():
        if name != "spec":
            command.add_argument("--store", help="folder of the store (default: RAVINE_STORE, else .ravine)")
        if name not in ("spec", "download"):
            command.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    return parser


if __name__ == "__main__":
    sys.exit(main())
