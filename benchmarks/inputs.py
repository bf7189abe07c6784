"""Fuzzed inputs of every kind that a stranger can send, for `benchmarks.fuzz`: mostly right, with something wrong."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from engine.data import DATASETS
from engine.models import MODELS
from engine.problems import PROBLEMS
from engine.records import KINDS as RECORDS
from engine.rules import RULES
from engine.spec import Choice, Flag, Integer, Number, Series, SpecError, Table, decode, flatten, knobs
from engine.spec.nested import Pick, Several
from engine.training.runs import RUNS
from engine.work.kinds import KINDS

TABLES: list[Table] = [RUNS, RUNS, *(kind.specs for kind in KINDS.values()), PROBLEMS, DATASETS, MODELS, RULES]
GARBAGE: list[Any] = [
    *(None, True, "", "x", "SAM", "../../etc/passwd", "é\n\x00", "\ud800", [], {}, [1], [[1, 2]], {"name": "SAM"}),
    *(float("nan"), float("inf"), 10**400, 1e308, -1e308, -1, 0, 0.5, 2**63, [1.0] * 5000, {"name": ["MLP"]}),
]
PICKLE = "cos\nmkdir\n(S'{}'\ntR."
"""A pickle that makes a folder when it is loaded."""
PIECES = (
    "",
    ",",
    "\n",
    "\r\n",
    '"',
    "\0",
    "1e999",
    "nan",
    ";",
    "\t",
    "{",
    "}",
    "[",
    "]",
    ".",
    "=",
    "\ufeff",
    "９",
    "-",
)


def dressed(table: Table, rng: random.Random) -> dict[str, Any]:
    """The JSON of a spec of one of the table's classes, some of whose fields are given."""
    cls = rng.choice(list(table.values()))
    given = {name: k for name, k in knobs(cls).items() if rng.random() < 0.4}
    return {"name": cls.__name__} | {name: value(k, rng) for name, k in given.items()}


def value(k: Any, rng: random.Random) -> Any:
    """A value of a field that is in its range, more or less."""
    match k:
        case Pick():
            return dressed(k.table(), rng)
        case Several():
            return [dressed(k.table(), rng) for _ in range(rng.randrange(3))]
        case Integer():
            return min(k.high, k.low + int(rng.expovariate(0.02)))
        case Number():
            return rng.choice((k.low, k.high, min(k.high, k.low + rng.expovariate(5))))
        case Flag():
            return rng.random() < 0.5
        case Choice():
            return rng.choice(k.options)
        case Series():
            return [rng.uniform(k.low, min(k.high, k.low + 2)) for _ in range(rng.randrange(1, 4))]
    return f"{rng.getrandbits(64):016x}"


def spoilt(value: Any, rng: random.Random, share: float = 0.04) -> Any:
    """JSON with random pieces of it replaced, left out and renamed."""
    if rng.random() < share:
        return rng.choice(GARBAGE)
    if isinstance(value, dict):
        kept = {key: spoilt(one, rng, share) for key, one in value.items() if rng.random() > share / 2}
        return {
            rng.choice((key, key, key.upper(), "name", "")) if rng.random() < share else key: kept[key] for key in kept
        }
    return [spoilt(one, rng, share) for one in value] if isinstance(value, list) else value


def torn(content: bytes, rng: random.Random) -> bytes:
    """Bytes of which some are turned, cut off, left out, put in or said again; one in four stays whole."""
    made = bytearray(content)
    for _ in range(rng.choice((0, 0, 1, 1, 1, 1, 2, 8))):
        at = rng.randrange(len(made) + 1)
        match rng.randrange(6):
            case 0 if at < len(made):
                made[at] ^= 1 << rng.randrange(8)
            case 1:
                del made[at:]
            case 2:
                del made[at : at + rng.randrange(1, 40)]
            case 3:
                made[at:at] = rng.randbytes(rng.randrange(1, 8))
            case 4:
                made[at:at] = rng.choice(PIECES).encode() * rng.choice((1, 1, 2, 3000))
            case 5:
                made[at:at] = made[max(0, at - 200) : at] * rng.choice((1, 1, 100))
    return bytes(made)


def text(rng: random.Random) -> tuple[Table, str]:
    """The JSON text of a spec, and a table that it may be of."""
    table = rng.choice(TABLES)
    whole = json.dumps(spoilt(dressed(table, rng), rng))
    return table, torn(whole.encode(), rng).decode(errors="replace") if rng.random() < 0.3 else whole


def parameters(rng: random.Random) -> tuple[Table, dict[str, str]]:
    """An address's parameters, and a table that they may be of."""
    table = rng.choice(TABLES)
    try:
        spec = decode(table, dressed(table, rng))
    except SpecError:
        spec = next(iter(table.values()))()
    texts = {"name": type(spec).__name__} | flatten(spec)
    return table, {word(key, rng): word(one, rng) for key, one in texts.items() if rng.random() > 0.03} | strange(rng)


def strange(rng: random.Random) -> dict[str, str]:
    """Parameters that mean nothing, mostly none."""
    count = rng.choice((0, 0, 0, 0, 1, 3)) if rng.random() > 0.002 else 500
    heads = (
        "rule",
        "then.0",
        "problem.model",
        "plane",
        "x",
        "then.0.rule.inner",
        "",
        "..",
        "name.name",
        "then.99999999",
    )
    return {f"{rng.choice(heads)}.{rng.getrandbits(16):x}": word("1", rng) for _ in range(count)}


def word(text: str, rng: random.Random) -> str:
    """A word, or rarely something else."""
    if rng.random() > 0.04:
        return text
    at = rng.randrange(len(text) + 1)
    return rng.choice((text[:at], text[:at] + rng.choice(PIECES) + text[at:], str(rng.choice(GARBAGE)), text * 50))


def words(rng: random.Random) -> tuple[Table, list[str]]:
    """A command line's words, and a table that they may be of; now and then a whole spec as JSON in one of them."""
    table, texts = parameters(rng)
    made = [
        part
        for key, one in texts.items()
        for part in ([f"{key}={one}"] if rng.random() < 0.7 else [f"--{key}", one])
        if rng.random() > 0.02
    ]
    if rng.random() < 0.2:
        field, whole = rng.choice(("rule", "problem", "then", "plane", "")), spoilt(dressed(table, rng), rng)
        made.append(f"{field}={json.dumps(rng.choice((whole, [whole])))}")
    return table, made


def csv(rng: random.Random) -> bytes:
    """A CSV file, some as large as they may be."""
    columns, rows = rng.randrange(1, 6), rng.randrange(15, 50) if rng.random() > 0.004 else 40_000
    spell = rng.choice(("{:.3f}", "{:.0f}", "{:e}", '"{:.2f}"', " {:.1f}"))
    lines = [
        ",".join([*(spell.format(rng.gauss(0, 9)) for _ in range(columns)), rng.choice(("a", "b", "3"))])
        for _ in range(rows)
    ]
    header = [",".join(["x"] * columns + ["class"])] * rng.randrange(2)
    whole = (
        rng.choice(("\n", "\r\n")).join(header + lines).encode(rng.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16")))
    )
    return torn(whole, rng)


def npz(rng: random.Random, trap: Path) -> bytes:
    """An NPZ file of examples, some with a pickle in them, some of which unpack to far more than they are."""
    n, width = rng.randrange(15, 60), rng.choice((1, 3, 3, 3))
    shape = rng.choice(((n, width), (n, width), (n, 1, 4, 4), (n,), (0, 3), (n, 2, 3)))
    x = (
        np.random.default_rng(rng.getrandbits(32))
        .normal(0, 5, shape)
        .astype(rng.choice(("f4", "f8", "i2", "u1", "f2")))
    )
    y = np.array([rng.randrange(3) for _ in range(n)], rng.choice(("i8", "u1", "f4", "?")))
    if rng.random() < 0.01:
        x, y = np.zeros((900, 4096), rng.choice(("f4", "f8"))), np.arange(900) % 2
    file = io.BytesIO()
    rng.choice((np.savez, np.savez_compressed))(file, **{rng.choice(("x", "x", "x", "x", "X")): x, "y": y})
    return trapped(torn(file.getvalue(), rng), rng, trap)


def trapped(content: bytes, rng: random.Random, trap: Path) -> bytes:
    """The content, or rarely a pickle, or an archive of arrays that are pickles or unpack to 200 MB."""
    if rng.random() > 0.05:
        return content
    pickle = PICKLE.format(trap).encode()
    if rng.random() < 0.1:
        return archived("<f8", ("x", "y"), (6100, 4096), [bytes(2**20)] * 191)
    return pickle if rng.random() < 0.2 else archived("|O", ("x", "y", "record", "steps"), (1,), [pickle])


def archived(kind: str, names: tuple[str, ...], shape: tuple[int, ...], content: list[bytes]) -> bytes:
    """An npz file of arrays of those names, all of that kind, shape and content."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            with archive.open(f"{name}.npy", "w") as array:
                np.lib.format.write_array_header_1_0(array, {"descr": kind, "fortran_order": False, "shape": shape})
                array.writelines(content)
    return file.getvalue()


def record(rng: random.Random, kept: list[Path], trap: Path) -> bytes:
    """A record's file: torn, with the head of another or a spoilt one, or foreign."""
    path = rng.choice(kept)
    if rng.random() < 0.5:
        return trapped(torn(path.read_bytes(), rng), rng, trap)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    with np.load(rng.choice((path, path, *kept))) as file:
        head = spoilt(json.loads(str(file["record"])), rng)
    if isinstance(head, dict) and rng.random() < 0.2:
        head["kind"] = rng.choice([*RECORDS, "Thing"])
    arrays["record"] = np.array(json.dumps(head))
    for name in [name for name in arrays if rng.random() < 0.03]:
        arrays[name] = rng.choice((np.zeros(3), np.zeros((2, 2), int), np.array("x"), np.zeros((0, 5)), np.arange(7)))
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def listing(rng: random.Random, root: Path, content: Callable[[], bytes], names: list[str]) -> None:
    """A store's folder in which there is all sorts of things."""
    for _ in range(rng.randrange(1, 7)):
        with suppress(OSError):  # where there is something already
            put(rng, root, content, names)


def put(rng: random.Random, root: Path, content: Callable[[], bytes], names: list[str]) -> None:
    """One thing of some name."""
    name = rng.choice((*names, f"{rng.getrandbits(64):016x}", "joint", "own", "é", ".x.part", "0" * 15, "run.npz"))
    inner = rng.choice(("run.npz", "run.npz", "run.partial.npz", "run.rows", "x.lease", "run.pin"))
    place = root / name
    match rng.randrange(8):
        case 0:
            place.write_bytes(content())
        case 1:
            place.symlink_to(rng.choice(("nowhere", ".", "/dev/null")))
        case 2:
            (place / inner).mkdir(parents=True)
        case _:
            place.mkdir(exist_ok=True)
            (place / inner).write_bytes(content())
