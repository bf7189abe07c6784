"""Tidy tables: a sweep as one row for each cell and seed, as CSV text, as the bytes of a Parquet file, or as JSON
values."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from engine.records import Sweep
from engine.rules import Rule
from engine.spec import flatten
from engine.sweeps.naming import names
from engine.sweeps.spec import SweepSpec

STATES = ("missing", "ended", "diverged", "failed")
"""What a cell's state says, by its number."""
Columns = dict[str, list[Any]]
"""Columns of equal length by name."""


def tidy(sweep: SweepSpec, record: Sweep) -> Columns:
    """One row for each cell and seed, in the order of `SweepSpec.cells`: the rule, the values of the knobs (NaN where
    the rule lacks one), the seed, the run's digest, its state, and every outcome, NaN where there is none."""
    places, digests = zip(*names(sweep), strict=True)
    compared = sweep.compared
    columns: Columns = {"rule": [_told(compared[r]) for r, *_ in places]}
    for axis, values, at in ((sweep.x, sweep.columns, 2), (sweep.y, sweep.rows, 1)):
        if axis.knob:
            has = [sweep.turns(axis, rule) for rule in compared]
            columns[axis.knob] = [values[place[at]] if has[place[0]] else math.nan for place in places]
    columns |= {"seed": [sweep.run.seed + s for *_, s in places], "digest": [*digests]}
    columns["state"] = [STATES[int(state)] for state in record.outcomes["state"].reshape(-1)]
    others = {name: values for name, values in record.outcomes.items() if name != "state"}
    return columns | {name: values.reshape(-1).astype(float).tolist() for name, values in others.items()}


def csv_text(columns: Mapping[str, Sequence[Any]]) -> str:
    """The columns as CSV with a line of names; an empty field where there is no number."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if value != value else value for value in row] for row in zip(*columns.values(), strict=True))
    return text.getvalue()


def parquet(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """The columns as the bytes of a Parquet file."""
    import pyarrow  # not before somebody asks: it takes long to import
    from pyarrow.parquet import write_table

    file = io.BytesIO()
    write_table(pyarrow.table({name: [*values] for name, values in columns.items()}), file)
    return file.getvalue()


def objects(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """The rows as JSON objects; null where there is no finite number."""
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, map(_finite, row), strict=True)) for row in rows]


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _told(rule: Rule) -> str:
    """A rule's name, and in what it differs from the usual one of its class: "SAM rho=0.1"."""
    return " ".join([type(rule).__name__, *(f"{name}={text}" for name, text in flatten(rule).items())])
