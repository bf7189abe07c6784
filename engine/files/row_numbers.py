"""Row numbers: columns that only number a table's rows, such as the index that R and pandas write beside the data.
Where the rows are sorted by class, such a column gives every class away."""

from __future__ import annotations

import numpy as np

from engine.files.table import Table


def without_row_numbers(table: Table) -> Table:
    """A table of points [N, D] without the columns that count its rows one by one, up or down; with a doubt about
    those that rise or fall with every row otherwise, or that number the rows in another order.

    Where every column counts, all stay, in doubt.
    """
    if table.x.ndim != 2 or len(table.x) < 2:
        return table
    with np.errstate(over="ignore"):
        steps = np.diff(table.x, axis=0)
    counts = ((steps == 1).all(0)) | ((steps == -1).all(0))
    if counts.all():
        counts[:] = False
    doubtful = ((steps > 0).all(0) | (steps < 0).all(0) | _shuffled(table.x)) & ~counts
    names = np.array(table.columns, object)
    return table._replace(
        x=table.x[:, ~counts],
        columns=tuple(names[~counts]),
        left_out=(*table.left_out, *(f"column {name}, which numbers the rows" for name in names[counts])),
        doubts=(
            *table.doubts,
            *(f"column {name} may number the rows: if so, leave it out" for name in names[doubtful]),
        ),
    )


def _shuffled(x: np.ndarray) -> np.ndarray:
    """[D]: whether a column's numbers, once sorted, follow each other one by one."""
    fits = x.max(0) == x.min(0) + len(x) - 1
    return np.array([fit and bool((np.diff(np.sort(x[:, j])) == 1).all()) for j, fit in enumerate(fits)])
