"""Sweeps drawn: maps of the cells, one for each rule, and slices through them."""

from __future__ import annotations

import numpy as np

from engine.figures import words
from engine.figures.drawing import Chart, Line, Panel, Tiles
from engine.figures.quantities import QUANTITIES, Quantity, Swept
from engine.figures.theme import ordinal, rule_look
from engine.figures.words import Spec
from engine.records import Sweep
from engine.spec import fingerprint

LOST = (2.0, 3.0)
"""States of runs that have no value: diverged, failed."""
WITHIN = 0.5
"""How far from the best, as a share of it, a cell may be to count among the good ones."""
SYMBOLS = {"lr": "learning rate η", "rule.rho": "radius ρ", "batch": "batch size", "update.decay": "weight decay"}
"""What knobs are called on axes; others by their own name."""


def offered(sweep: Swept) -> list[str]:
    """The quantities that some run of a sweep has."""
    return [name for name, quantity in QUANTITIES.items() if np.isfinite(quantity.values(sweep)).any()]


def cells(sweep: Swept, quantity: Quantity) -> tuple[np.ndarray, np.ndarray]:
    """[R, Y, X], or [R, N] of a design: medians over the seeds, NaN where there is nothing yet, and where most seeds
    are lost: True. A lost run counts as worse than any other."""
    values, state = quantity.values(sweep), sweep.outcomes["state"]
    lost = np.isin(state, LOST)
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


def maps(sweep: Sweep, spec: Spec, name: str = "test loss") -> Tiles:
    """The cells of every rule on one colour scale; `spec` is the sweep's, as `describe` gives it."""
    quantity = QUANTITIES[name]
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
        )
        for r, (title, rule) in enumerate(zip(titles(spec), compared(spec), strict=True))
    )
    over = " and ".join(filter(None, (axis_label(spec, "x"), axis_label(spec, "y"))))
    return Tiles(
        name="map_" + name.replace(" ", "_"),
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
        bright="low" if quantity.lower else "high",
        caption=_caption(sweep, spec, quantity, lost),
        source=fingerprint(sweep.spec),
    )


def slices(sweep: Sweep, spec: Spec, name: str = "test loss") -> Chart:
    """The best over the rows in every column, a line for each rule, the seeds as a band: what a person gets who has
    tuned the second knob."""
    quantity = QUANTITIES[name]
    values, _ = cells(sweep, quantity)
    lines = []
    for r, (title, rule) in enumerate(zip(titles(spec), compared(spec), strict=True)):
        best = _best_rows(values[r], quantity)
        middle, band = _along(sweep, quantity, r, best)
        look = rule_look(rule["name"])
        lines.append(Line(title, sweep.columns, middle, look.colour, marker=look.marker, band=band))
    second = axis_label(spec, "y")
    tuned = f", each at its best {second}" if len(sweep.rows) > 1 else ""
    caption = (
        f"{words.capital(quantity.label)} over {axis_label(spec, 'x')}{tuned}; the line is the median "
        f"over {seeds(spec)}, the band goes from the lowest to the highest. The best is chosen by the same seeds that "
        f"are shown, so that it flatters every rule a little. {about(spec)}"
    )
    return _chart("slices", f"Tuned over {second}" if tuned else "Over one knob", sweep, spec, quantity, lines, caption)


def rows(sweep: Sweep, spec: Spec, name: str = "test loss", rule: int = 0) -> Chart:
    """One rule's slices at a few values of the second knob."""
    quantity = QUANTITIES[name]
    picked = np.unique(np.linspace(0, len(sweep.rows) - 1, min(6, len(sweep.rows))).round().astype(int))
    lines = []
    for k, i in enumerate(picked):
        middle, band = _along(sweep, quantity, rule, np.full(len(sweep.columns), i))
        label = words.number(float(sweep.rows[i]), 2) if np.isfinite(sweep.rows[i]) else titles(spec)[rule]
        lines.append(Line(label, sweep.columns, middle, ordinal(k, len(picked)), band=band))
    caption = (
        f"{titles(spec)[rule]}: {quantity.label} over {axis_label(spec, 'x')}, a line for each "
        f"{axis_label(spec, 'y')}; median over {seeds(spec)}, and from the lowest to the highest. {about(spec)}"
    )
    return _chart(
        f"rows_{rule}", f"{titles(spec)[rule]} at each {axis_label(spec, 'y')}", sweep, spec, quantity, lines, caption
    )


def _chart(
    name: str, title: str, sweep: Sweep, spec: Spec, quantity: Quantity, lines: list[Line], caption: str
) -> Chart:
    return Chart(
        name,
        title,
        axis_label(spec, "x"),
        quantity.label,
        tuple(lines),
        caption,
        log_x=spec["x"]["log"],
        log_y=quantity.log,
        source=fingerprint(sweep.spec),
    )


def _along(
    sweep: Sweep, quantity: Quantity, rule: int, picked: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray] | None]:
    """[X]: the median in each column, in the row that is picked for it, and the band over the seeds."""
    values, state = quantity.values(sweep)[rule], sweep.outcomes["state"][rule]
    columns = np.arange(len(sweep.columns))
    there = np.where(np.isin(state, LOST) | (state == 0), np.nan, values)[picked, columns]
    enough = np.isfinite(there).sum(axis=1) * 2 > there.shape[1]
    safe = np.where(enough[:, None], there, np.nan)
    middle = np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else np.nan for row in safe])
    if there.shape[1] == 1:
        return middle, None
    filled = np.where(np.isfinite(safe), safe, middle[:, None])
    return middle, (filled.min(axis=1), filled.max(axis=1))


def _best_rows(values: np.ndarray, quantity: Quantity) -> np.ndarray:
    """[X]: the best row of each column."""
    worst = np.inf if quantity.lower else -np.inf
    filled = np.where(np.isfinite(values), values, worst)
    return filled.argmin(axis=0) if quantity.lower else filled.argmax(axis=0)


def _place(values: np.ndarray, quantity: Quantity) -> tuple[int, int] | None:
    """The best cell's row and column."""
    if not quantity.judged or not np.isfinite(values).any():
        return None
    flat = np.nanargmin(values) if quantity.lower else np.nanargmax(values)
    i, j = np.unravel_index(flat, values.shape)
    return int(i), int(j)


def _share(values: np.ndarray, rule: int, quantity: Quantity) -> str:
    """How much of a rule's map is near the best of all rules."""
    finite = values[np.isfinite(values)]
    if not len(finite) or (not quantity.log and quantity.lower):
        return ""
    best = finite.min()
    good = values[rule] <= best * (1 + WITHIN)
    return f"{100 * good.mean():.0f}% near the best"


def _limits(values: np.ndarray, lost: np.ndarray, quantity: Quantity, log: bool) -> tuple[float, float]:
    """Of the colours: all that is there, but at most four powers of ten from the good end."""
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


def seeds(spec: Spec) -> str:
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
    return f"{model}, {words.data(run)}, {run['steps']:,} steps of {batch} each."


def _caption(sweep: Sweep, spec: Spec, quantity: Quantity, lost: np.ndarray) -> str:
    """What the cells are."""
    over = f"the median of {seeds(spec)}" if spec["seeds"] > 1 else "one run, one seed"
    without = [title for title, rule in zip(titles(spec), compared(spec), strict=True) if not _turns(rule, spec)]
    same = f" {' and '.join(without)} has no {axis_label(spec, 'y')}: its rows are the same runs." if without else ""
    missing = int((sweep.outcomes["state"] == 0).sum())
    still = f" {missing:,} runs are still to be trained." if missing else ""
    share = f"; {100 * lost.mean():.0f}% of the cells" if lost.any() else ""
    told = (
        f"The star is each rule's best cell; near the best is within {WITHIN:.0%} of the best of all rules."
        if quantity.judged
        else "A run that has not trained may be low here too: look at its loss beside it."
    )
    return (
        f"{words.capital(quantity.label)} at the end of training, each cell {over}. Grey: the loss left "
        f"the finite numbers{share}. {told}{same} {about(spec)}{still}"
    )


def _turns(rule: Spec, spec: Spec) -> bool:
    """Whether a rule has the second knob, if that is a rule's."""
    room, _, field = spec["y"]["knob"].partition(".")
    inner = rule.get("rule", {})
    return room != "rule" or field in rule or (isinstance(inner, dict) and field in inner)
