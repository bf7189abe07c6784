"""Runs side by side that differ in their rule: sharpness against the edges, losses, small charts of the rest, and the
ground under their paths, every rule in its colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.figures import joint, words
from engine.figures.charts import Columns, positive, switch_marks
from engine.figures.comparison import compare
from engine.figures.drawing import Chart, Line, Map, around
from engine.figures.theme import rule_look
from engine.figures.words import Spec
from engine.records import JointSurface

Runs = Sequence[tuple[str, Spec, Columns]]
"""(what it is called, its encoded spec, its measurements) of each."""
FAR = 3.0
"""An edge that stays above so many times all that was measured is not drawn: it would press the rest together."""
SMALL = {"test_accuracy": "accuracy", "gradient_norm": "‖g‖", "cos_u": "|cos(u, v₁)|"}
"""The measures that are shown small, with words that such an axis has room for; their captions say the rest."""


def sharpness(runs: Runs) -> Chart:
    """λ₁ of every run with each rule's edge of stability dashed in its colour, and gradient descent's in ink."""
    lines = [
        Line(name, run["step"], run["sharpness"], *rule_look(words.rule(spec)), band=_within(run))
        for name, spec, run in runs
    ]
    lines = [replace(line, dash="solid", marker="") for line in lines]
    top = max((float(v.max()) for line in lines if len(v := line.y[np.isfinite(line.y)])), default=np.nan)
    edges, far = _edges(runs, top)
    caption = (
        f"Largest eigenvalue λ₁ of the training loss’s Hessian at w, within its residual, {words.data(runs[0][1])}. "
        "Dashed in a rule’s colour is its edge of stability in theory: above it, full-batch steps on a quadratic are "
        f"unstable; the one without a colour is gradient descent’s.{far}{_rescaled(runs)}"
    )
    shown = [*lines, *edges]
    log = positive(*(line.y for line in shown))
    note = "curvature is not tracked in these runs" if len(runs[0][2]["step"]) else "nothing measured yet"
    return _chart("sharpness", "Sharpness", "largest eigenvalue λ₁", shown, caption, runs, log_y=log, note=note)


def _rescaled(runs: Runs) -> str:
    return "".join(f" {note}" for _, spec, _ in runs if (note := words.rescaled_edge(spec)))


def _within(run: Columns) -> tuple[np.ndarray, np.ndarray]:
    return around(run["sharpness"], run["sharpness_residual"])


def _edges(runs: Runs, top: float) -> tuple[list[Line], str]:
    """Each rule's edge where it is not gradient descent's, that one once, and a sentence on those far above `top`."""
    found, far = [], []
    for name, spec, run in runs:
        if not np.array_equal(run["edge"], run["limit"], equal_nan=True):
            colour = rule_look(words.rule(spec)).colour
            found.append(Line(f"{name}’s edge", run["step"], run["edge"], colour, "dash", theory=True))
    longest = max((run for _, _, run in runs), key=lambda run: len(run["step"]))
    found.append(Line("gradient descent’s edge", longest["step"], longest["limit"], "ink", "dash", theory=True))
    near = []
    for line in found:
        lowest = float(np.min(line.y[np.isfinite(line.y)], initial=np.inf))
        if lowest <= FAR * top:
            near.append(replace(line, y=np.where(line.y <= FAR * top, line.y, np.nan)))
        elif np.isfinite(lowest):
            far.append(f" {words.capital(line.label)} is far above: {words.number(lowest)} at its lowest.")
    return near, "".join(far)


def losses(runs: Runs) -> Chart:
    """Training loss of every run, and its held-out loss dotted."""
    lines = []
    for name, spec, run in runs:
        colour = rule_look(words.rule(spec)).colour
        lines.append(Line(name, run["step"], run["train_loss"], colour))
        if not np.isnan(run["test_loss"]).all():
            lines.append(Line(f"{name}, held-out", run["step"], run["test_loss"], colour, "dot"))
    dotted = "; dotted, of held-out examples, which are never trained on" if len(lines) > len(runs) else ""
    what = "Mean loss at the weights themselves" if words.has_data(runs[0][1]) else "Value at the point itself"
    caption = f"{what}, {words.data(runs[0][1])}{dotted}.{words.decay(runs[0][1])}"
    log = positive(*(line.y for line in lines))
    return _chart("losses", "Loss", words.loss(runs[0][1]), lines, caption, runs, log_y=log)


def _chart(
    name: str, title: str, y_label: str, lines: Sequence[Line], caption: str, runs: Runs, log_y: bool, note: str = ""
) -> Chart:
    marks = dict.fromkeys(mark for _, spec, run in runs for mark in switch_marks(run, spec))
    alike = f" {words.run(runs[0][1])}; the others differ in their rule alone, from the same start and batches."
    return Chart(
        f"beside_{name}",
        title,
        "step",
        y_label,
        tuple(line for line in lines if not np.isnan(line.y).all()),
        caption + alike,
        log_y=log_y,
        marks=tuple(marks),
        note=note or "nothing measured yet",
        source=" ".join(words.digest(spec) for _, spec, _ in runs),
    )


def small(runs: Runs, measure: str) -> Chart:
    """A measure of SMALL of every run, without a legend of its own: the charts above it name the colours."""
    drawn = compare(runs, measure)
    lines = tuple(replace(line, marker="") for line in drawn.lines)
    return replace(drawn, lines=lines, legend=False, x_label="", y_label=SMALL[measure])


def measures(runs: Runs) -> list[str]:
    """Those of SMALL that any of the runs has."""
    return [name for name in SMALL if any(np.isfinite(run[name]).any() for _, _, run in runs if name in run)]


def ground(surface: JointSurface, provisional: bool) -> Map:
    """The ground under the runs' paths, each end with its λ₁; while they train it is `provisional`, and says so."""
    every = complete_losses(surface)
    drawn = joint.draw(surface, "log loss" if len(every) and every.min() > 0 else "loss")
    routes = tuple(
        replace(route, tag=_tag(words.title(spec["rule"]["name"]), float(value)))
        for route, spec, value in zip(drawn.routes, surface.run_specs, surface.end_sharpness, strict=True)
    )
    drawn = replace(drawn, routes=routes)
    if not provisional:
        return drawn
    if not len(every):
        blank = np.full((len(surface.b), len(surface.a)), np.nan)
        drawn = replace(drawn, a=surface.a, b=surface.b, z=blank, note="")
    return replace(drawn, caption=_provisional(surface, bool(len(every))))


def complete_losses(surface: JointSurface) -> np.ndarray:
    """The finite losses of the cells that are computed."""
    return surface.loss[np.isfinite(surface.loss)] if surface.stride else np.zeros(0)


def _tag(name: str, sharpness: float) -> str:
    return f"{name}  λ₁ {words.number(sharpness, 3)}" if np.isfinite(sharpness) else name


def _provisional(surface: JointSurface, coloured: bool) -> str:
    """The caption of a picture of what there is so far."""
    shares = ", ".join(
        f"{words.title(spec['rule']['name'])} {words.percent(float(share))}"
        for spec, share in zip(surface.run_specs, surface.explained, strict=True)
    )
    colours = f"Colours are the loss {words.data(surface.run_specs[0])}." if coloured else "No loss is computed on it."
    lost = f" {words.left_out(surface.left_out)}" if surface.left_out else ""
    return (
        "Provisional: the paths so far, on the plane of their common principal components so far, drawn anew as they "
        f"grow and once more, with its surface, when all have ended. {colours} The plane holds of each path’s squared "
        f"distance from its centre: {shares}. λ₁ is as last measured.{lost}"
    )
