"""Sweeps drawn: maps of the cells, one for each rule, and slices through them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.figures import words
from engine.figures.drawing import Panel, Tiles
from engine.figures.quantities import COUNTS, LOST, QUANTITIES, Quantity, Swept
from engine.figures.theme import rule_look
from engine.figures.words import Spec, number
from engine.records import Sweep
from engine.spec import fingerprint

USUAL = QUANTITIES["test loss"]
WITHIN = 0.5
"""How far from the best, as a share of it, a cell may be to count among the good ones."""
SYMBOLS = {
    "lr": "learning rate η",
    "rule.rho": "radius ρ",
    "batch": "batch size",
    "update.decay": "weight decay",
    "problem.ratio": "ratio of rates η₂/η₁",
}
"""What knobs are called on axes; others by their own name."""


def offered(sweep: Swept) -> list[str]:
    """The quantities that some run of a sweep has."""
    return [name for name, quantity in QUANTITIES.items() if np.isfinite(quantity.values(sweep)).any()]


def counted(sweep: Sweep) -> list[str]:
    """What can be counted until a target is reached."""
    return [name for name in COUNTS if name == COUNTS[0] or "gradients" in sweep.curves]


def cells(sweep: Swept, quantity: Quantity) -> tuple[np.ndarray, np.ndarray]:
    """[R, Y, X], or [R, N] of a design: medians over the seeds, NaN where there is nothing yet, and where most seeds
    are lost: True. A lost run counts as worse than any other, and so does one that never gets there; of a share it is
    the mean."""
    values, state = quantity.values(sweep), sweep.outcomes["state"]
    if quantity.share:
        return _means(values), np.zeros(values.shape[:-1], bool)
    lost = valueless(values, state, quantity)
    worst = np.inf if quantity.lower else -np.inf
    there = np.where(lost, worst, values)
    empty = (state == 0) | (~lost & ~np.isfinite(values))
    counted = (~empty).sum(axis=-1)
    with np.errstate(invalid="ignore"):
        ordered = np.sort(np.where(empty, np.inf, there), axis=-1)
    low = np.take_along_axis(ordered, np.maximum(counted - 1, 0)[..., None] // 2, axis=-1)[..., 0]
    high = np.take_along_axis(ordered, counted[..., None] // 2, axis=-1)[..., 0] if ordered.shape[-1] > 1 else low
    with np.errstate(invalid="ignore"):
        middle = np.where(counted % 2 == 1, low, (low + high) / 2)
    gone = (counted > 0) & ~np.isfinite(middle)
    return np.where((counted > 0) & ~gone, middle, np.nan), gone


def _means(values: np.ndarray) -> np.ndarray:
    """[...]: means over the last axis of what is there; NaN where there is nothing."""
    there = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(there, values, 0.0).sum(-1) / np.where(there.any(-1), there.sum(-1), np.nan)


def maps(sweep: Sweep, spec: Spec, quantity: Quantity = USUAL, levels: tuple[float, ...] = ()) -> Tiles:
    """The cells of every rule on one colour scale, with lines along some of the quantity's `levels`; `spec` is the
    sweep's, as `describe` gives it."""
    values, lost = cells(sweep, quantity)
    log = quantity.log and bool((values[np.isfinite(values)] > 0).all())
    low, high = _limits(values, lost, quantity, log)
    panels = tuple(
        Panel(
            title,
            rule_look(rule["name"]).colour,
            values[r],
            lost[r],
            _place(values[r], quantity),
            _share(values, r, quantity),
            edge=_edge(sweep, r),
        )
        for r, (title, rule) in enumerate(zip(titles(spec), compared(spec), strict=True))
    )
    over = " and ".join(filter(None, (axis_label(spec, "x"), axis_label(spec, "y"))))
    return Tiles(
        name="map_" + quantity.name.replace(" ", "_"),
        title=f"{words.capital(quantity.label)} over {over}",
        x_label=axis_label(spec, "x"),
        y_label=axis_label(spec, "y"),
        z_label=quantity.label,
        a=sweep.columns,
        b=sweep.rows,
        log_a=spec["x"]["log"],
        log_b=spec["y"]["log"],
        panels=panels,
        log=log,
        limits=(low, high),
        bright="middle" if quantity.sides else "low" if quantity.lower else "high",
        levels=levels,
        caption=_caption(sweep, spec, quantity, lost, [panel.remark for panel in panels], levels),
        source=fingerprint(sweep.spec),
    )


def valueless(values: np.ndarray, state: np.ndarray, quantity: Quantity) -> np.ndarray:
    """Which runs have no value, for they diverged, failed or never got there; where there are sides, those that
    diverged have one, and of a share all have."""
    if quantity.share:
        return np.zeros(state.shape, bool)
    return (np.isin(state, LOST) & ~(quantity.sides & np.isfinite(values))) | np.isposinf(values)


def _edge(sweep: Sweep, rule: int) -> np.ndarray | None:
    """[Y]: where theory sees a rule's edge; None where it has none."""
    edges = sweep.edges.get("start")
    return edges[rule] if edges is not None and np.isfinite(edges[rule]).any() else None


def _place(values: np.ndarray, quantity: Quantity) -> tuple[int, int] | None:
    """The best cell's row and column."""
    if not quantity.judged or not np.isfinite(values).any():
        return None
    flat = np.nanargmin(values) if quantity.lower else np.nanargmax(values)
    i, j = np.unravel_index(flat, values.shape)
    return int(i), int(j)


def _share(values: np.ndarray, rule: int, quantity: Quantity) -> str:
    """How much of a rule's map is near the lowest median of all rules, of what is better the lower it is."""
    finite = values[np.isfinite(values)]
    if quantity.sides and np.isfinite(values[rule]).any():
        return f"{100 * (values[rule] < 0).mean():.0f}% trained"
    if not len(finite) or not (quantity.judged and quantity.log and quantity.lower):
        return ""
    best = finite.min()
    good = values[rule] <= best * (1 + WITHIN)
    return f"{100 * good.mean():.0f}% near the lowest"


def _limits(values: np.ndarray, lost: np.ndarray, quantity: Quantity, log: bool) -> tuple[float, float]:
    """Of the colours: all that is there, but at most four powers of ten from the good end; both sides of an edge."""
    if quantity.sides:
        return (-1.0, 1.0)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return (1.0, 1.0)
    low, high = float(finite.min()), float(finite.max())
    return (low, min(high, low * 1e4)) if log and quantity.lower else (low, high)


def axis_label(spec: Spec, side: str) -> str:
    """What a knob is called on its axis: "radius ρ"."""
    return called(str(spec[side]["knob"]))


def called(knob: str) -> str:
    """What a knob is called, by its dotted name."""
    return SYMBOLS.get(knob, knob.rpartition(".")[2].replace("_", " "))


EDGE = (
    " Dashed: theory, the learning rate above which a run starts beyond its rule's edge of stability (2/η for gradient "
    "descent, lower for SAM and USAM), by the first seed's Hessian and gradient at the start, for full batches. A run "
    "that starts beyond it may come to a flatter place and train."
)


def titles(spec: Spec) -> list[str]:
    """The rules' names, with what tells two of one class apart."""
    found = compared(spec)
    names = [rule["name"] for rule in found]
    return [
        words.title(name) if names.count(name) == 1 else words.part(rule)
        for name, rule in zip(names, found, strict=True)
    ]


def compared(spec: Spec) -> list[Spec]:
    """The rules side by side, encoded."""
    return list(spec["rules"]) or [spec["run"]["rule"]]


def turning(spec: Spec) -> int:
    """The first rule that has the second knob; the first of all where none has."""
    return next((r for r, rule in enumerate(compared(spec)) if _turns(rule, spec)), 0)


def seeds_of(spec: Spec) -> str:
    """How many seeds each cell has: "3 seeds"."""
    return f"{spec['seeds']} seeds" if spec["seeds"] > 1 else "one seed"


def about(spec: Spec) -> str:
    """What all runs have in common."""
    run = spec["run"]
    model = (
        words.title(run["problem"]["model"]["name"])
        if "model" in run["problem"]
        else words.title(run["problem"]["name"])
    )
    batch = f"batches of {run['batch']:,}" if run["batch"] else "full batches"
    return f"{model}, trained {words.data(run)}, {run['steps']:,} steps of {batch} each."


def _caption(
    sweep: Sweep,
    spec: Spec,
    quantity: Quantity,
    lost: np.ndarray,
    remarks: Sequence[str],
    levels: Sequence[float],
) -> str:
    """What the cells and the lines are, and what the panels' remarks say."""
    middle = "mean" if quantity.share else "median"
    over = f"the {middle} of {seeds_of(spec)}" if spec["seeds"] > 1 else "one run, one seed"
    without = [title for title, rule in zip(titles(spec), compared(spec), strict=True) if not _turns(rule, spec)]
    same = f" {' and '.join(without)} has no {axis_label(spec, 'y')}: its rows are the same runs." if without else ""
    missing = int((sweep.outcomes["state"] == 0).sum())
    edge = EDGE if "start" in sweep.edges and np.isfinite(sweep.edges["start"]).any() else ""
    still = f" {missing:,} runs are still to be trained." if missing else ""
    share = f"; {100 * lost.mean():.0f}% of the cells" if lost.any() else ""
    if quantity.sides:
        return f"{_ranked(sweep)} Each cell is {over}.{same} {about(spec)}{still}"
    shares = ", ".join(
        f"{title} {remark.partition(' ')[0]}" for title, remark in zip(titles(spec), remarks, strict=True) if remark
    )
    near = (
        f" Near the lowest, within {WITHIN:.0%} of the lowest of all rules, luck included: {shares}." if shares else ""
    )
    told = (
        f"The star is each rule's best cell.{near}"
        if quantity.judged
        else "A run that has not trained may be low here too: look at its loss beside it."
    )
    grey = f" Grey: {quantity.grey}{share}." if lost.any() else ""
    line = f" Solid: {quantity.label} {', '.join(map(number, levels))}." if levels else ""
    what = f"{words.capital(quantity.label)}{quantity.when}, each cell {over}."
    return f"{what}{grey} {told}{same}{edge}{line} {about(spec)}{still}"


def _ranked(sweep: Sweep) -> str:
    """What a run's rank is."""
    done, looks = int((sweep.outcomes["state"] > 0).sum()), len(sweep.looks)
    return (
        f"Ranks of all {done:,} runs on the two sides of the edge, which is 0. Below it, blue: trained, with a loss on "
        "the training set that ended finite and below its start's; -1 is the run whose loss, as a share of the start's,"
        f" was lowest on average over {looks} looks. Above it, red: diverged, which is every other run; 1 is the one "
        "with the least sum of start's loss over loss at the looks after the start, to which what is not finite adds "
        "nothing (Sohl-Dickstein 2024). Grey: the run failed."
    )


def _turns(rule: Spec, spec: Spec) -> bool:
    """Whether a rule has the second knob, if that is a rule's."""
    room, _, field = spec["y"]["knob"].partition(".")
    inner = rule.get("rule", {})
    return room != "rule" or field in rule or (isinstance(inner, dict) and field in inner)
