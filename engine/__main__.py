"""The command line: `python -m engine train SPEC.json`, `surface`, `spectrum` or `alignment` of that run;
`experiment` for a paper's checks; `download`."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from engine.analyses.weights import FORMATS, weights_file
from engine.data import SOURCES, download
from engine.experiments import EXPERIMENTS, PAPERS, SIZES, Experiment
from engine.experiments.verdicts import lines, named
from engine.machine import settle
from engine.records import ENDS, Design, Progress, RecordError, Sweep, write
from engine.spec import SpecError, digest, dumps, knobs, parse, read_words, split_words
from engine.sweeps.tidy import objects, tidy
from engine.training.runs import RUNS
from engine.work.budget import Limits
from engine.work.endings import heard
from engine.work.kinds import KINDS, Kind, Work
from engine.work.perform import ELSEWHERE, patiently, perform
from engine.work.store import Store
from engine.work.tables import tables

MOST = {"path": 1e9, "memory": 1e9, "hours": 1.0}
"""What a run may cost, by the options that raise it, in their units."""
LARGEST = 1_000_000
"""Bytes of a spec file that are read: a spec has a few hundred."""


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; 0 where its record was made, 1 where the run failed, 2 with one line on standard error for
    bad input, 130 when interrupted."""
    given = sys.argv[1:] if arguments is None else arguments
    words, others = split_words(given, _fields(given[0] if given else ""))
    options = _parser().parse_args(others)
    settle()
    try:
        with heard():
            return _run(options, words)
    except (SpecError, RecordError) as error:
        print(f"engine {options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace, words: Sequence[str]) -> int:
    """One command with its options, and the settings that its words name."""
    if options.command == "spec":
        print(dumps(read_words(RUNS, words)))
        return 0
    if options.store:
        os.environ["RAVINE_STORE"] = options.store  # datasets are kept beside the runs
    if getattr(options, "scheduler", None):
        os.environ["RAVINE_SCHEDULER"] = options.scheduler
    if options.command == "download":
        return _download(options.name)
    store = Store(options.store)
    if options.command == "weights":
        return _weights(store, options)
    _check_device(options.device)
    if options.command == "experiment":
        return _experiment(store, options, words)
    return _drive(store, _work(store, options, words), options)


def _fields(command: str) -> list[str]:
    """The settings that may follow a command as options."""
    kind = KINDS.get(command)
    return [*knobs(next(iter(kind.specs.values())))] if kind and len(kind.specs) == 1 else []


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
    with tqdm(desc=name, unit="B", unit_scale=True, dynamic_ncols=True) as bar:
        for at in download(name):
            bar.total = max(at.done, at.total)
            bar.update(at.done - bar.n)
    print("finished", file=sys.stderr)
    return 0


def _experiment(store: Store, options: argparse.Namespace, words: Sequence[str]) -> int:
    """Performs experiments and prints their checks; 0 only where all that is claimed to hold does."""
    made = []
    for table in tables(_experiments(options.name, options.size, words), store.root, options.device):
        made.append(table)
        print(lines(table), file=sys.stderr if options.json else sys.stdout, flush=True)
    if options.json:
        made.sort(key=lambda table: list(EXPERIMENTS).index(table["experiment"]))
        print(json.dumps(made, indent=1, allow_nan=False))
    return 0 if all(table["reproduced"] for table in made) else 1


def _experiments(name: str, size: str | None, words: Sequence[str]) -> list[Experiment]:
    """What a name means, or a spec, as JSON or in a file; with the settings that words name."""
    if name.startswith("{") or name.endswith(".json"):
        experiment = parse(EXPERIMENTS, name) if name.startswith("{") else read(name, EXPERIMENTS)
        found = [replace(experiment, size=size or experiment.size)]
    else:
        found = named(name, size or SIZES[0])
    if words:
        found = [read_words({type(one).__name__: type(one)}, words, one) for one in found]
    for experiment in found:
        experiment.ensembles()  # SpecError where its settings describe no runs
    return found


def _weights(store: Store, options: argparse.Namespace) -> int:
    """Writes the weights of a run's checkpoint into a file."""
    run = _digest(store, options.run)
    ending = Path(options.out or "").suffix.removeprefix(".")
    form = options.format or (ending if ending in FORMATS else "safetensors")
    if ending in FORMATS and ending != form:
        raise SpecError(f"out: {Path(options.out).name} would not be what its ending says, for the format is {form}")
    content = weights_file(store.spec(run), store.run(run), options.checkpoint, form)
    path = Path(options.out or f"{run}.{form}")
    try:
        write(path, lambda file: file.write(content))
    except OSError as error:
        raise SpecError(f"out: {path.name} cannot be written ({error.strerror})") from None
    print(path)
    return 0


def _work(store: Store, options: argparse.Namespace, words: Sequence[str]) -> Work:
    """What a command asks for."""
    kind = KINDS[options.command]
    given = getattr(options, "spec", None)
    spec = read_words(kind.specs, words, read(given, kind.specs) if given else None)
    return Work(spec, _digest(store, options.run) if kind.of else "")


def _drive(store: Store, work: Work, options: argparse.Namespace) -> int:
    """Performs work under a progress bar; Ctrl-C, a closed terminal or SIGTERM end it after the step at hand and keep
    what there is."""
    latest = Progress(0, 0)
    task = perform(store, work, options.device, getattr(options, "fresh", False), limits=_limits(options))
    with (
        suppress(KeyboardInterrupt),
        tqdm(desc=work.kind.name, unit="", dynamic_ncols=True, smoothing=0.1) as bar,
    ):
        for latest in patiently(task):
            _show(bar, latest)
        bar.refresh()
    with suppress(OSError):  # the terminal may be gone
        print(f"{latest.status}{': ' + latest.reason if latest.reason else ''}", file=sys.stderr)
    if latest.status in ENDS:
        print(_rows(store, work) if getattr(options, "json", False) else store.file(work.address))
    return {"finished": 0, "diverged": 0, "failed": 1}.get(latest.status, 130)


def _rows(store: Store, work: Work) -> str:
    """All runs of a sweep or a design as JSON, an object a line."""
    record = store.get(work.address)
    assert isinstance(record, Sweep | Design)
    return "\n".join(json.dumps(row, allow_nan=False) for row in objects(tidy(work.spec, record)))


def _limits(options: argparse.Namespace) -> Limits:
    """What the work may cost: the usual, or what the options raise it to."""
    given = {name: getattr(options, f"most_{name}", None) for name in MOST}
    return Limits(**{name: value * MOST[name] for name, value in given.items() if value is not None})


def _show(bar: Any, progress: Progress) -> None:
    if progress.status == ELSEWHERE:
        bar.set_postfix_str(progress.reason, refresh=False)
    bar.total = progress.total
    bar.update(progress.done - bar.n)
    if progress.frame:
        shown = {"loss": progress.frame["train_loss"], "sharpness": progress.frame["sharpness"]}
        bar.set_postfix({name: f"{value:.3g}" for name, value in shown.items() if not math.isnan(value)}, refresh=False)


def _digest(store: Store, name: str) -> str:
    """A run's digest, from itself or from its spec file."""
    run = digest(read(name)) if name.endswith(".json") else name
    if not store.has(run):
        raise SpecError(f"run: the store {store.root.name} holds no run {run}; train it first")
    return run


def _check_device(device: str) -> None:
    known = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if device not in known:
        raise SpecError(f"device: expected one of {', '.join(known)}, got {device[:40]!r}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("spec", help="print a run's spec, the default one but for settings such as rule=SSAM")
    train = commands.add_parser("train", help="train a run from its spec file, settings such as rule=SSAM, or both")
    train.add_argument("spec", metavar="SPEC.json", nargs="?")
    train.add_argument("--fresh", action="store_true", help="from the start, even where it could be gone on with")
    for name, unit in (("path", "GB"), ("memory", "GB"), ("hours", "H")):
        train.add_argument(f"--most-{name}", type=float, metavar=unit, help=f"what the run may cost ({name})")
    for name in ("sweep", "design"):
        words = f"train the runs of a {name} that are missing: its SPEC.json, settings, or both"
        cells = commands.add_parser(name, help=words)
        cells.add_argument("spec", metavar="SPEC.json", nargs="?")
        cells.add_argument("--scheduler", metavar="ADDRESS", help="a Dask cluster that trains them (tcp://...)")
        cells.add_argument("--json", action="store_true", help="all runs on standard output, an object a line")
    fetch = commands.add_parser("download", help="fetch an image set, once: its known files, and no others")
    sizes = (f"{name} (about {source.size / 1e6:.0f} MB)" for name, source in SOURCES.items())
    fetch.add_argument("name", metavar="NAME", help=", ".join(sizes))
    trial = commands.add_parser("experiment", help="perform a paper's experiments and print their checks")
    names = f"all, a paper ({', '.join(PAPERS)}), one of {', '.join(EXPERIMENTS)}, or a spec as JSON or SPEC.json"
    trial.add_argument("name", metavar="NAME", help=names)
    for size in SIZES:
        trial.add_argument(f"--{size}", dest="size", action="store_const", const=size)
    trial.add_argument("--json", action="store_true", help="the tables as JSON on standard output")
    weights = commands.add_parser("weights", help="write the weights of a run, with their names and shapes")
    weights.add_argument("run", metavar="RUN", help="a run's digest, or its SPEC.json")
    weights.add_argument("--checkpoint", type=int, default=-1, help="which measured point, from 0; -1 is the last")
    weights.add_argument("--format", choices=FORMATS, help="by default what the file's ending says, else safetensors")
    weights.add_argument("--out", metavar="FILE", help="by default the run's digest, with the format's ending")
    for kind in KINDS.values():
        _add_kind(commands, kind)
    for name, command in commands.choices.items():
        if name != "spec":
            command.add_argument("--store", help="folder of the store (default: RAVINE_STORE, else .ravine)")
        if name not in ("spec", "download", "weights"):
            command.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    return parser


def _add_kind(commands: Any, kind: Kind) -> None:
    """The command of a kind of work, unless it has one, and the settings that may follow it, for its help."""
    cls = next(iter(kind.specs.values()))
    if kind.name not in commands.choices:
        command = commands.add_parser(kind.name, help=(cls.__doc__ or "").splitlines()[0])
        if kind.of:
            command.add_argument("run", metavar="RUN", help="a run's digest, or its SPEC.json")
    for option in _fields(kind.name):
        field = knobs(cls)[option]
        words = f"{field.help or field.label} ({', '.join(field.range)})"
        commands.choices[kind.name].add_argument(f"--{option}", metavar="VALUE", help=words.replace("%", "%%"))


if __name__ == "__main__":
    sys.exit(main())
