"""Runs side by side that differ in their rule, or a run against any other: sharpness against the edges, losses, small
charts of the rest, and the ground under their paths, every rule in its colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.figures import joint, words
from engine.figures.charts import Columns, positive, switch_marks
from engine.figures.comparison import compare
from engine.figures.drawing import Chart, Line, Map, around
from engine.figures.landmarks import OWN
from engine.figures.theme import rule_colour
from engine.figures.words import Spec
from engine.records import JointSurface

Runs = Sequence[tuple[str, Spec, Columns]]
"""(what it is called, its encoded spec, its measurements) of each."""
FAR = 3.0
"""An edge is not drawn where it is so many times all that was measured, or so many times less: it would press the rest
together."""
SMALL = {"test_accuracy": "accuracy", "gradient_norm": "‖g‖", "cos_u": "|cos(u, v₁)|"}
"""The measures that are shown small, with words that such an axis has room for; their captions say the rest."""


def of_rules(specs: Sequence[Spec]) -> bool:
    """Whether runs differ in their rule alone, a run of each: they then share their start and their batches."""
    rest = [{key: value for key, value in spec.items() if key not in ("rule", "then", "digest")} for spec in specs]
    first = [words.title(spec["rule"]["name"]) for spec in specs]
    return len(set(first)) == len(first) and all(other == rest[0] for other in rest)


def colours(specs: Sequence[Spec]) -> list[str]:
    """Each run's colour: its rule's, and ink for a run whose rule another before it has."""
    rules = [words.rule(spec) for spec in specs]
    return ["ink" if rule in rules[:nth] else rule_colour(rule) for nth, rule in enumerate(rules)]


def _coloured(runs: Runs) -> list[tuple[str, str, Columns]]:
    """What each is called, its colour, and its measurements."""
    hues = colours([spec for _, spec, _ in runs])
    return [(name, hue, run) for (name, _, run), hue in zip(runs, hues, strict=True)]


def sharpness(runs: Runs) -> Chart:
    """λ₁ of every run with each rule's edge of stability dashed in its colour, and gradient descent's in grey; of runs
    that differ in more than their rule, each has an edge of its own."""
    lines = [
        Line(name, run["step"], run["sharpness"], colour, band=_within(run)) for name, colour, run in _coloured(runs)
    ]
    top = max((float(v.max()) for line in lines if len(v := line.y[np.isfinite(line.y)])), default=np.nan)
    shared = of_rules([spec for _, spec, _ in runs])
    edges, far = _edges(runs, top, shared)
    caption = (
        f"Largest eigenvalue λ₁ of the training loss’s Hessian at w, within its residual, {_data(runs)}. "
        f"Dashed in a {'rule' if shared else 'run'}’s colour is its edge of stability in theory: above it, full-batch "
        f"steps on a quadratic are unstable{'; grey is gradient descent’s' if shared else ''}."
        f"{far}{_rescaled(runs)}"
    )
    log = positive(*(line.y for line in (*lines, *edges)))
    cut, below = _not_below(edges, lines) if log else (edges, "")
    shown = [*lines, *cut]
    note = "curvature is not tracked in these runs" if len(runs[0][2]["step"]) else "nothing measured yet"
    return _chart("sharpness", "Sharpness", "largest eigenvalue λ₁", shown, caption + below, runs, log_y=log, note=note)


def _not_below(edges: Sequence[Line], lines: Sequence[Line]) -> tuple[list[Line], str]:
    """Edges without what lies far below all that was measured, and a sentence on those that come to it."""
    least = min((float(values.min()) for line in lines if len(values := line.y[line.y > 0])), default=0.0) / FAR
    cut = [replace(edge, y=np.where(edge.y >= least, edge.y, np.nan)) for edge in edges]
    told = [
        f" {words.capital(edge.label)} falls far below: to {words.number(lowest)}."
        for edge in edges
        if (lowest := float(np.min(edge.y[np.isfinite(edge.y)], initial=np.inf))) < least
    ]
    return cut, "".join(told)


def _rescaled(runs: Runs) -> str:
    return "".join(dict.fromkeys(f" {note}" for _, spec, _ in runs if (note := words.rescaled_edge(spec))))


def _within(run: Columns) -> tuple[np.ndarray, np.ndarray]:
    return around(run["sharpness"], run["sharpness_residual"])


def _edges(runs: Runs, top: float, shared: bool) -> tuple[list[Line], str]:
    """Each run's edge, and a sentence on those far above `top`; where gradient descent's is `shared` by all, it is
    drawn once, and the runs' own where they are not that one."""
    found, near, far = [], [], []
    for name, colour, run in _coloured(runs):
        if not shared or not np.array_equal(run["edge"], run["limit"], equal_nan=True):
            found.append(Line(f"{name}’s edge", run["step"], run["edge"], colour, "dash", theory=True))
    if shared:
        longest = max((run for _, _, run in runs), key=lambda run: len(run["step"]))
        found.append(
            Line("gradient descent’s edge", longest["step"], longest["limit"], rule_colour("SGD"), "dash", theory=True)
        )
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
    for name, colour, run in _coloured(runs):
        lines.append(Line(name, run["step"], run["train_loss"], colour))
        if not np.isnan(run["test_loss"]).all():
            lines.append(Line(f"{name}, held-out", run["step"], run["test_loss"], colour, "dot"))
    dotted = "; dotted, of held-out examples, which are never trained on" if len(lines) > len(runs) else ""
    what = "Mean loss at the weights themselves" if words.has_data(runs[0][1]) else "Value at the point itself"
    decays = "".join(dict.fromkeys(words.decay(spec) for _, spec, _ in runs))
    log = positive(*(line.y for line in lines))
    kinds = {words.loss(spec) for _, spec, _ in runs}
    label = kinds.pop() if len(kinds) == 1 else "loss, each run its own"
    return _chart("losses", "Loss", label, lines, f"{what}, {_data(runs)}{dotted}.{decays}", runs, log_y=log)


def _data(runs: Runs) -> str:
    """What was computed on, where that is the same for all."""
    said = {words.data(spec) for _, spec, _ in runs}
    return said.pop() if len(said) == 1 else "each run on its own training data"


def _told(runs: Runs) -> str:
    """A sentence on the runs."""
    if of_rules([spec for _, spec, _ in runs]):
        return f"{words.run(runs[0][1])}; the others differ in their rule alone, from the same start and batches."
    return f"{'; '.join(f'{name}: {words.run(spec)}' for name, spec, _ in runs)}."


def _chart(
    name: str, title: str, y_label: str, lines: Sequence[Line], caption: str, runs: Runs, log_y: bool, note: str = ""
) -> Chart:
    marks = dict.fromkeys(mark for _, spec, run in runs for mark in switch_marks(run, spec))
    return Chart(
        f"beside_{name}",
        title,
        "step",
        y_label,
        tuple(line for line in lines if not np.isnan(line.y).all()),
        f"{caption} {_told(runs)}",
        log_y=log_y,
        marks=tuple(marks),
        note=note or "nothing measured yet",
        source=" ".join(words.digest(spec) for _, spec, _ in runs),
    )


def small(runs: Runs, measure: str) -> Chart:
    """A measure of SMALL of every run, without a legend of its own: the charts above it name the colours."""
    drawn = compare(runs, measure)
    hues = {name: colour for name, colour, _ in _coloured(runs)}
    lines = tuple(replace(line, colour=hues[line.label], dash="solid", marker="") for line in drawn.lines)
    said = drawn.caption.replace("; colour is the rule", "; colours are those above")
    return replace(drawn, lines=lines, caption=said, legend=False, y_label=SMALL[measure])


def measures(runs: Runs) -> list[str]:
    """Those of SMALL that any of the runs has."""
    return [name for name in SMALL if any(np.isfinite(run[name]).any() for _, _, run in runs if name in run)]


def ground(surface: JointSurface, provisional: bool) -> Map:
    """The ground under the runs' paths, each end with its λ₁; while they train it is `provisional`, and says so: it is
    older then than what is measured, and has no λ₁."""
    every = complete_losses(surface)
    drawn = joint.draw(surface, "log loss" if len(every) and every.min() > 0 else "loss")
    called = [_until(name, joint.broken_off(surface, r)) for r, name in enumerate(_names(surface))]
    ends = zip(called, surface.end_sharpness, colours(surface.run_specs), strict=True)
    routes = tuple(
        replace(route, tag=_tag(name, float("nan") if provisional else float(value)), colour=hue, dash="solid")
        for route, (name, value, hue) in zip(drawn.routes, ends, strict=True)
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


def _names(surface: JointSurface) -> list[str]:
    """Each run's rule, or all that tells it apart where another has the same."""
    first = [words.title(spec["rule"]["name"]) for spec in surface.run_specs]
    own = joint.names(surface)
    return [title if first.count(title) == 1 else name for title, name in zip(first, own, strict=True)]


def _until(name: str, last: int | None) -> str:
    """A run's name beside the end of its path; where that is not the run's, with the step that it is."""
    return name if last is None else f"{name} at step {last:,}"


def _tag(name: str, sharpness: float) -> str:
    return f"{name}  λ₁ {words.number(sharpness, 3)}" if np.isfinite(sharpness) else name


def _provisional(surface: JointSurface, coloured: bool) -> str:
    """The caption of a picture of what there is so far."""
    shares = ", ".join(
        f"{name} {words.percent(float(share))}" for name, share in zip(_names(surface), surface.explained, strict=True)
    )
    colours = f"Colours are the loss {words.data(surface.run_specs[0])}." if coloured else "No loss is computed on it."
    lost = f" {words.left_out(surface.left_out)}" if surface.left_out else ""
    own = surface.unit == OWN
    plane = "the landscape’s two coordinates" if own else "the plane of their common principal components so far"
    return (
        f"Provisional: the paths so far, on {plane}, drawn anew as they grow. Its surface comes when all have ended, "
        f"by itself where that takes little, else at a press of the button below. {colours} The plane holds of each "
        f"path’s squared distance from its centre: {shares}. λ₁ is as last measured.{lost}"
    )
