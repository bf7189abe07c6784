"""Tidy tables: a sweep or a design as one row for each cell and seed, as CSV text, as the bytes of a Parquet file, or
as JSON values."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.records import Design, Sweep
from engine.rules import Rule
from engine.spec import flatten
from engine.sweeps.design import DesignSpec
from engine.sweeps.naming import names, names_of_points
from engine.sweeps.spec import SweepSpec

STATES = ("missing", "ended", "diverged", "failed")
"""What a cell's state says, by its number."""
Columns = dict[str, list[Any]]
"""Columns of equal length by name."""


def tidy(spec: SweepSpec | DesignSpec, record: Sweep | Design) -> Columns:
    """One row for each cell and seed, in the order of the record's axes: the rule, the values of the knobs (NaN where
    the rule lacks one), the seed, the run's digest, its state, and every outcome, NaN where there is none. Of a design
    also which point it is, from 0, without a digest before a search has chosen it."""
    if isinstance(spec, DesignSpec):
        assert isinstance(record, Design)
        return _drawn(spec, record) | _outcomes(record)
    places, digests = zip(*names(spec), strict=True)
    compared = spec.compared
    columns: Columns = {"rule": [_told(compared[r]) for r, *_ in places]}
    for axis, values, at in ((spec.x, spec.columns, 2), (spec.y, spec.rows, 1)):
        if axis.knob:
            has = [spec.turns(axis, rule) for rule in compared]
            columns[axis.knob] = [values[place[at]] if has[place[0]] else math.nan for place in places]
    return columns | {"seed": [spec.run.seed + s for *_, s in places], "digest": [*digests]} | _outcomes(record)


def _drawn(spec: DesignSpec, record: Design) -> Columns:
    """What is known of a design's runs before they are trained."""
    places = [*np.ndindex(spec.shape)]
    chosen = (np.isfinite(record.values) == spec.has[:, None]).all((0, 2)).sum()  # a search goes from the first on
    known = dict(names_of_points(spec, record.values, range(chosen)))
    columns: Columns = {"rule": [_told(spec.compared[r]) for r, *_ in places]}
    for k, knob in enumerate(spec.knobs):
        columns[knob] = [float(record.values[r, n, k]) for r, n, _ in places]
    more = {"point": [n for _, n, _ in places], "seed": [spec.run.seed + s for *_, s in places]}
    return columns | more | {"digest": [known.get(place, "") for place in places]}


def _outcomes(record: Sweep | Design) -> Columns:
    """What has come of the runs."""
    states = {"state": [STATES[int(state)] for state in record.outcomes["state"].reshape(-1)]}
    others = {name: values for name, values in record.outcomes.items() if name != "state"}
    return states | {name: values.reshape(-1).astype(float).tolist() for name, values in others.items()}


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
