"""Numbers made of one rule's map: its best cell, how much of it is good, how high the learning rate may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from engine.sweeps.bootstrap import Estimate, left_out, percentile, spread, student
from engine.sweeps.resamples import Outcomes, reference

DECADES = 3.0
KNOBS = ("rows", "columns", "interaction")


@dataclass(frozen=True)
class Best:
    """The cell with the smallest median, of equal ones the first; `loss` is judged by seeds that had no part in the
    choice, `quartiles` are those of this cell's runs, `again` is the share of resamples that choose it too."""

    row: int
    column: int
    loss: Estimate
    quartiles: tuple[float, float, float]
    again: float


@dataclass(frozen=True)
class Stable:
    """The largest stable learning rate, and its column, counted from 0; -1 and NaN where there is none."""

    rate: Estimate
    column: Estimate


def best_cell(rule: Outcomes) -> Best:
    """The best cell of a map and its spread over seeds."""
    row, column = np.unravel_index(rule.best[0], rule.grid.shape)
    height, width = rule.grid.shape
    at_edge = (height > 1 and row in (0, height - 1)) or (width > 1 and column in (0, width - 1))
    losses = reference([rule])
    note = "the best cell is at the grid's edge: a better one may lie outside" if at_edge else ""
    runs = rule.settled[row, column, rule.present[row, column]]
    low, middle, high = np.quantile(runs, [0.25, 0.5, 0.75])
    again = float((rule.best[1:] == rule.best[0]).mean())
    return Best(int(row), int(column), spread(losses[0], losses[1:], rule.seeds, note=note), (low, middle, high), again)


def share_within(rule: Outcomes, within: float = 0.1, rivals: Sequence[Outcomes] = ()) -> Estimate:
    """The share of a map's cells whose median is at most 1 + `within` times the best cell's loss.

    The best is the rule's own, or that of the rule and its `rivals` together, which have the same seeds. The smallest
    of many noisy medians lies below the loss that its cell really has, which would make the share too small: so every
    seed's best cell is chosen by the other seeds, and the reference is the median of what the seeds have there. Cells
    without a run do not count.
    """
    line = (1 + within) * reference([rule, *rivals])
    cells = rule.maps.reshape(len(line), -1)
    shares = (cells <= line[:, None]).sum(1) / np.isfinite(cells).sum(1).clip(1)
    shares = np.where(np.isnan(line), np.nan, shares)
    return spread(shares[0], shares[1:], rule.seeds, (0, 1), _missing(rule))


def stable_rate(rule: Outcomes, rates: np.ndarray, row: int | None = None) -> Stable:
    """The largest rate such that there, and at every smaller one, at least half of the seeds have not diverged.

    `rates` [X] rise; the other knob is at `row`, by default at the best cell's. A run has diverged when its loss is not
    finite or above its start's. Columns without a run do not count.
    """
    _rising(rule, rates)
    height, width, seeds = rule.values.shape
    rows = np.full(len(rule.times), row) if row is not None else rule.best // width
    stable = (rule.times @ rule.stable.reshape(-1, seeds).T).reshape(-1, height, width)
    runs = (rule.times @ rule.present.reshape(-1, seeds).T).reshape(-1, height, width)
    some = np.arange(len(rows)), rows
    holds = np.logical_and.accumulate(2 * stable[some] >= runs[some], axis=1) & (runs[some] > 0)
    columns = np.where(holds.any(1), width - 1 - holds[:, ::-1].argmax(1), -1)
    note = {
        -1: "not one rate of the grid is stable",
        width - 1: "stable at the largest rate of the grid: a lower bound",
    }
    column = percentile(columns[0], columns[1:], seeds, note.get(int(columns[0]), ""))
    at = [float(np.concatenate([rates, [np.nan]])[int(c)]) if np.isfinite(c) else np.nan for c in _three(column)]
    return Stable(Estimate(*at, note=column.note), column)


def rate_sensitivity(rule: Outcomes, rates: np.ndarray, decades: float = DECADES) -> Estimate:
    """How much is lost, on average over the rates around the best one, for not knowing it.

    The mean over the rates of the best cell's row, within half the `decades` of its own rate, of the median of
    min(loss, start), less the best cell's loss, which is judged by seeds that had no part in its choice.
    """
    _rising(rule, rates)
    logs, width = np.log10(rates), rule.values.shape[1]
    rows, columns = np.divmod(rule.best, width)
    near = np.abs(logs[columns, None] - logs) <= decades / 2 + 1e-9
    curve = rule.maps[np.arange(len(rows)), rows]
    losses = np.nanmean(np.where(near, curve, np.nan), axis=1) - reference([rule])
    inside = logs[near[0] & np.isfinite(curve[0])]
    covered = inside[-1] - inside[0]
    gap = np.diff(logs).max() if width > 1 else 0.0
    short = f"the rates cover {covered:.2g} of {decades:g} decades" if covered < decades - 2 * gap else ""
    uneven = "rates are not evenly spaced on a log scale" if np.ptp(np.diff(logs)) > 0.01 * gap else ""
    return spread(losses[0], losses[1:], rule.seeds, note="; ".join(filter(None, (short, uneven, _missing(rule)))))


def best_of(rule: Outcomes, trials: int, replace: bool = False) -> list[Estimate]:
    """The lowest loss to expect after 1 ... `trials` cells drawn at random, each run with the same one seed.

    Without replacement by default: a grid's cell is not tried twice, it is unbiased (Tang et al. 2020), and with k
    cells of k it is the grid's best. `replace` is the plug-in of Dodge et al. (2019). A seed's expectation is exact,
    the interval is over seeds. The best of k runs is as lucky as whoever reports it.
    """
    runs = [np.sort(rule.settled[..., s][rule.present[..., s]]) for s in range(rule.seeds)]
    curves = np.stack([_expected(ordered, trials, replace) for ordered in runs])
    means = curves.mean(0)
    others = (curves.sum(0) - curves) / max(1, rule.seeds - 1)
    return [student(means[k], others[:, k], note=_missing(rule)) for k in range(trials)]


def _expected(ordered: np.ndarray, trials: int, replace: bool) -> np.ndarray:
    """The expected minimum of 1 ... `trials` draws of these numbers, [K]; NaN where there are fewer."""
    n, k = len(ordered), np.arange(1, trials + 1)[:, None]
    worse = n - np.arange(n)  # how many are not better than each, itself among them
    if replace:
        return ((worse / n) ** k - ((worse - 1) / n) ** k) @ ordered
    chance = np.exp(_log_choose(worse - 1, k - 1) - _log_choose(np.full(n, n), np.minimum(k, n)))
    return np.where(k[:, 0] <= n, chance @ ordered, np.nan)


def _log_choose(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """log of n over k, [K, n]; minus infinity where k exceeds n."""
    most = np.minimum(k, n)
    return np.where(k <= n, gammaln(n + 1) - gammaln(most + 1) - gammaln(n - most + 1), -np.inf)


def importance(rule: Outcomes) -> dict[str, Estimate]:
    """How much of a map's variance each knob explains: "rows", "columns" and "interaction", which sum to 1.

    Of the mean over seeds of log min(loss, start): medians would leave the seeds' noise in the interaction, of means it
    can be taken out, since products of the effects in two different seeds do not contain it. One seed keeps its noise.
    Seeds with missing cells are left out.
    """
    whole = rule.present.all((0, 1))
    if not whole.any():
        return dict.fromkeys(KNOBS, Estimate(np.nan, note="no seed has all cells"))
    logs, seeds = rule.logs[..., whole], int(whole.sum())
    parts = [effects.reshape(-1, seeds) for effects in decomposed(logs)]
    products = np.stack([part.T @ part for part in parts])
    if seeds > 2:  # without a seed there must still be two
        products = products * left_out(seeds)
    whole_sum = products.sum((1, 2))[:, None]
    sums = np.concatenate([whole_sum, whole_sum - 2 * products.sum(2)], axis=1)  # of all seeds, then without each
    total = sums.sum(0)
    note = "with the seeds' noise" if seeds < 3 else "no variance beyond the seeds' noise" if total[0] <= 0 else ""
    shares = np.where(total > 0, sums / np.where(total > 0, total, 1), np.nan)
    named = zip(KNOBS, shares, strict=True)
    return {name: student(share[0], share[1:] if seeds > 2 else share[:1], (0, 1), note) for name, share in named}


def decomposed(grid: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Main effects of rows and columns and the interaction of a grid [Y, X, ...], each [Y, X, ...], orthogonal: their
    sums of squares add up to the grid's about its mean (functional ANOVA with uniform weights, exact)."""
    mean = grid.mean((0, 1), keepdims=True)
    rows, columns = grid.mean(1, keepdims=True) - mean, grid.mean(0, keepdims=True) - mean
    zero = np.zeros_like(grid)
    return rows + zero, columns + zero, grid - mean - rows - columns


def _three(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high


def _missing(rule: Outcomes) -> str:
    missing = int((~rule.present).sum())
    return f"{missing} of {rule.present.size} runs are missing" if missing else ""


def _rising(rule: Outcomes, rates: np.ndarray) -> None:
    if rates.shape != rule.values.shape[1:2] or not (rates > 0).all() or not (np.diff(rates) > 0).all():
        raise ValueError(f"rates: not {rule.values.shape[1]} positive learning rates that rise")
