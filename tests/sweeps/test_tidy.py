"""Tidy tables: read back from CSV, Parquet and JSON they say what the record does, cell by cell."""

import csv
import io
import json
import math

import numpy as np
from pyarrow.parquet import read_table

from engine.records import Sweep
from engine.rules import SAM, SGD, SSAM
from engine.spec import digest, encode
from engine.sweeps.spec import Axis, SweepSpec
from engine.sweeps.tidy import STATES, csv_text, objects, parquet, tidy
from engine.work import board
from tests.sweeps.same import MLPS

SWEEP = SweepSpec(
    MLPS, Axis("lr", 0.01, 1, 3), Axis("rule.rho", 0.1, 1, 2), (SAM(mask=SAM().mask), SGD(), SSAM(SAM(0.2))), 2
)
RANDOM = np.random.default_rng(0)
OUTCOMES = {name: RANDOM.normal(size=SWEEP.shape).astype(np.float32) for name in ("train_loss", "sharpness")}
OUTCOMES["train_loss"][0, 1, 2, 1] = np.nan
OUTCOMES["sharpness"][0, 0, 0, 0] = np.inf
RECORD = Sweep(
    spec=encode(SWEEP),
    rows=np.array(SWEEP.rows),
    columns=np.array(SWEEP.columns),
    looks=np.zeros(1),
    outcomes=OUTCOMES | {"state": RANDOM.integers(0, 4, SWEEP.shape).astype(np.float32)},
)
COLUMNS = tidy(SWEEP, RECORD)


def test_a_row_says_what_its_cell_is():
    """Finds rows in another order than the record's axes, and a knob that a rule does not have."""
    cells = [*SWEEP.cells()]
    assert COLUMNS["digest"] == [digest(cell.spec) for cell in cells]
    assert COLUMNS["seed"] == [cell.spec.seed for cell in cells] and COLUMNS["lr"] == [cell.spec.lr for cell in cells]
    for i, (place, run) in enumerate(cells):
        rho = {"SAM": lambda run: run.rule.rho, "SSAM": lambda run: run.rule.rule.rho}.get(type(run.rule).__name__)
        assert COLUMNS["rule.rho"][i] == rho(run) if rho else math.isnan(COLUMNS["rule.rho"][i])
        for name, values in OUTCOMES.items():
            np.testing.assert_array_equal(COLUMNS[name][i], values[place])
        assert COLUMNS["state"][i] == STATES[int(RECORD.outcomes["state"][place])]
    assert {*COLUMNS["rule"]} == {"SAM", "SGD", "SSAM rule=SAM rule.rho=0.2"}


def test_states_are_those_of_sweeping():
    """Finds a word in the place of another."""
    numbers = board.MISSING, board.ENDED, board.DIVERGED, board.FAILED
    assert [STATES[number] for number in numbers] == ["missing", "ended", "diverged", "failed"]


def test_csv_and_parquet_and_json_give_the_same_back():
    """Finds digits that are lost, and a gap that is read as a number or a word."""
    rows = [*csv.DictReader(io.StringIO(csv_text(COLUMNS)))]
    table = read_table(io.BytesIO(parquet(COLUMNS))).to_pydict()
    told = json.loads(json.dumps(objects(COLUMNS), allow_nan=False))
    assert [*rows[0]] == [*table] == [*told[0]] == [*COLUMNS] and len(rows) == len(told) == math.prod(SWEEP.shape)
    for name, values in COLUMNS.items():
        number = isinstance(values[0], float)
        read = [float(row[name] or "nan") if number else type(values[0])(row[name]) for row in rows]
        np.testing.assert_array_equal(read, values)
        np.testing.assert_array_equal(table[name], values)
        finite = [value if not number or math.isfinite(value) else None for value in values]
        assert [row[name] for row in told] == finite
