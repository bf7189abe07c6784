"""Charts: curves made of a run's frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from engine.figures import words
from engine.figures.drawing import Chart, Line, Mark, around
from engine.figures.theme import rule_colour
from engine.figures.words import Spec
from engine.records import Run

Columns = Mapping[str, np.ndarray]
"""By name: "step", "seconds" and every measure, [T] each; an older run lacks those that came later."""

MEASURES = {
    "train_loss": ("training loss", True),
    "train_accuracy": ("training accuracy (share)", False),
    "test_loss": ("held-out loss", True),
    "test_accuracy": ("held-out accuracy (share)", False),
    "gradient_norm": ("norm of the gradient g", True),
    "direction_norm": ("norm of the direction u", True),
    "sharpness": ("sharpness λ₁", False),
    "sharpness_residual": ("residual of λ₁", True),
    "cos_g": ("|cos(g, v₁)|", False),
    "cos_u": ("|cos(u, v₁)|", False),
    "edge": ("the rule's edge", False),
    "limit": ("gradient descent's edge", False),
    "lr": ("learning rate", False),
    "gradients": ("gradient evaluations", False),
    "phase": ("rule in force, counted from 0", False),
}
"""What a frame measures: its words on an axis, and whether that axis is logarithmic."""


def columns(source: Run | Iterable[Mapping[str, float]]) -> dict[str, np.ndarray]:
    """A run's measurements as arrays, from its record or from a job's frames."""
    if isinstance(source, Run):
        return {"step": source.steps, "seconds": source.seconds} | source.measures
    frames = list(source)
    names = frames[0] if frames else ("step", "seconds", *MEASURES)
    return {name: np.array([frame[name] for frame in frames], float) for name in names}


def losses(run: Columns, spec: Spec) -> Chart:
    """Training and held-out loss over the steps."""
    what = "Mean loss at the weights w themselves, not at the perturbed point"
    look = (
        "Held-out examples are never trained on: look for a held-out curve that rises while training falls."
        if words.has_data(spec)
        else ""
    )
    look = (look + words.decay(spec)).strip()
    return _live(
        "losses",
        "Loss",
        words.loss(spec),
        run,
        spec,
        what,
        look,
        _pair(run, spec, "loss"),
        log_y=positive(run["train_loss"], run["test_loss"]),
    )


def accuracies(run: Columns, spec: Spec) -> Chart:
    """Training and held-out accuracy over the steps."""
    what, look = (
        "Share of examples classified rightly",
        "Held-out examples are never trained on: look at the gap between the curves.",
    )
    note = "nothing measured yet" if words.has_classes(spec) else "without classes there is no accuracy"
    return _live(
        "accuracies",
        "Accuracy",
        "accuracy (share of examples)",
        run,
        spec,
        what,
        look,
        _pair(run, spec, "accuracy"),
        note=note,
    )


def gradient_norms(run: Columns, spec: Spec) -> Chart:
    """Lengths of the gradient and of the rule's direction."""
    what = (
        "Lengths of the full-batch gradient g at w and of the direction u that the rule makes of full-batch gradients"
    )
    look = "A u longer than g means that the rule takes its gradient where the slope is steeper."
    lines = gradient_and_direction(
        run["step"], run["gradient_norm"], run["direction_norm"], spec, "‖g‖ gradient", "‖u‖ direction"
    )
    return _live(
        "gradient_norms", "Gradient norm", "norm (loss per unit of weight)", run, spec, what, look, lines, log_y=True
    )


def sharpness(run: Columns, spec: Spec) -> Chart:
    """The largest Hessian eigenvalue against the edges of stability."""
    within = around(run["sharpness"], run["sharpness_residual"])
    measured = Line(
        "λ₁ measured", run["step"], run["sharpness"], rule_colour(words.rule(spec)), marker="circle", band=within
    )
    lines, y_range, far = with_edges([measured], run["step"], run["edge"], run["limit"], spec)
    what = "Largest eigenvalue λ₁ of the loss's Hessian at w, within its residual"
    look = (
        f"Dashed is theory: above it, full-batch steps on a quadratic are unstable.{far} Look whether λ₁ rises to its "
        "edge and stays there."
    )
    return _live(
        "sharpness",
        "Sharpness",
        "largest eigenvalue λ₁",
        run,
        spec,
        what,
        look,
        lines,
        y_range=y_range,
        note=_untracked(run),
    )


def alignment(run: Columns, spec: Spec) -> Chart:
    """How far the gradient and the direction point along the sharpest direction."""
    what = (
        "Absolute cosine of the full-batch gradient g, and of the rule's direction u, with v₁, the top eigenvector of "
        "the loss's Hessian at w"
    )
    look = "1 is along it, 0 across. A u above g feels the sharpest direction more than plain descent does."
    lines = gradient_and_direction(run["step"], run["cos_g"], run["cos_u"], spec, "g gradient", "u direction")
    return _live(
        "alignment",
        "Alignment with v₁",
        "|cos| with v₁",
        run,
        spec,
        what,
        look,
        lines,
        y_range=UNIT,
        note=_untracked(run),
    )


def _live(
    name: str,
    title: str,
    y_label: str,
    run: Columns,
    spec: Spec,
    what: str,
    look: str,
    lines: Iterable[Line],
    **more: Any,
) -> Chart:
    return over_steps(name, title, y_label, spec, what, look, lines, switch_marks(run, spec), **more)


def over_steps(
    name: str,
    title: str,
    y_label: str,
    spec: Spec,
    what: str,
    look: str,
    lines: Iterable[Line],
    marks: Sequence[Mark],
    **more: Any,
) -> Chart:
    """A chart of a run's lines over its steps, with marks at its switches; the caption says what is drawn, of which
    data, where to look, and the run; `more` are fields of Chart."""
    switches = words.marked([mark.label for mark in marks])
    caption = " ".join(filter(None, (f"{what}, {words.data(spec)}.", look, switches, f"{words.run(spec)}.")))
    return Chart(
        name, title, "step", y_label, _finite(lines), caption, marks=tuple(marks), source=words.digest(spec), **more
    )


def switch_marks(run: Columns, spec: Spec, over: str = "step") -> list[Mark]:
    """Where the run's rule was switched, as far as the run has got: every switch has a frame of its own."""
    phase = run.get("phase", np.zeros(0))
    rows = [int(row) + 1 for row in np.flatnonzero(np.diff(phase) > 0)]
    unit = "" if over == "step" else "step "
    return [
        Mark(float(run[over][row]), words.takes_over(spec, int(phase[row]) - 1, int(run["step"][row]), unit))
        for row in rows
    ]


def _finite(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Without the lines that a problem cannot have, such as the held-out loss of a function; their NaN is no gap."""
    return tuple(line for line in lines if not np.isnan(line.y).all())


def _pair(run: Columns, spec: Spec, what: str) -> list[Line]:
    colour = rule_colour(words.rule(spec))
    train = Line("training" if words.has_data(spec) else "value", run["step"], run[f"train_{what}"], colour)
    return [train, Line("held-out", run["step"], run[f"test_{what}"], colour, "dot", "circle")]


def gradient_and_direction(
    steps: np.ndarray, g: np.ndarray, u: np.ndarray, spec: Spec, g_label: str, u_label: str
) -> list[Line]:
    """The gradient's curve in plain descent's colour, and the direction's in its rule's; one where they are the
    same."""
    plain = Line(g_label, steps, g, rule_colour("SGD"), marker="square")
    if np.array_equal(g, u, equal_nan=True):
        return [Line(f"{g_label} = {u_label}", steps, g, rule_colour(words.rule(spec)), marker="circle")]
    return [plain, Line(u_label, steps, u, rule_colour(words.rule(spec)), marker="circle")]


def with_edges(
    lines: list[Line], steps: np.ndarray, edge: np.ndarray, limit: np.ndarray, spec: Spec
) -> tuple[list[Line], tuple[float, float] | None, str]:
    """The lines with the edges of stability, a range that shows what was measured, and sentences on a rescaled rule's
    edge and on one far above what was measured."""
    same = np.array_equal(edge, limit, equal_nan=True)
    theory = [Line(_limit_name(spec), steps, limit, rule_colour("SGD"), "dash", theory=True)]
    if not same:
        theory.insert(0, Line(words.edge(spec), steps, edge, rule_colour(words.rule(spec)), "dash", theory=True))
    measured = np.concatenate([line.y for line in lines]) if lines else np.zeros(0)
    measured = measured[np.isfinite(measured)]
    if not len(measured):
        return lines, None, ""
    high, low, kept = max(float(measured.max()), 0.0), min(float(measured.min()), 0.0), []
    far = f" {note}" if (note := words.rescaled_edge(spec)) else ""
    for nth, line in enumerate(theory):
        lowest = float(np.nanmin(np.where(np.isfinite(line.y), line.y, np.nan), initial=np.inf))
        if lowest <= max(10 * float(measured.max()), 1e-12):
            kept.append(lowest)
        elif np.isfinite(lowest):
            name = line.label[0].upper() + line.label[1:]
            far += f" {name} is far above the picture: {words.number(lowest)} at its lowest."
            theory[nth] = replace(line, label=f"{line.label}, above")
    return [*lines, *theory], (1.1 * low, _round_up(1.1 * max([high, *kept]))), far


def _limit_name(spec: Spec) -> str:
    plain = not any(spec["update"].get(key) for key in ("momentum", "decay"))
    return "2/η" if plain else "gradient descent's edge"


def _round_up(x: float) -> float:
    """To one of few round numbers, so that a live picture's axis seldom changes."""
    power = 10.0 ** np.floor(np.log10(x)) if x > 0 else 1.0
    return float(next(m * power for m in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 20) if m * power >= x))


def _untracked(run: Columns) -> str:
    return (
        "curvature is not tracked in this run"
        if len(run["step"]) and np.isnan(run["sharpness"]).all()
        else "nothing measured yet"
    )


def positive(*curves: np.ndarray) -> bool:
    """Whether a logarithmic axis can show every finite value."""
    return all((y[np.isfinite(y)] > 0).all() for y in curves)


UNIT = (0.0, 1.02)
"""Of shares and cosines, with room for a line at 1."""
LIVE = {
    "losses": losses,
    "accuracies": accuracies,
    "gradient_norms": gradient_norms,
    "sharpness": sharpness,
    "alignment": alignment,
}
"""Of (columns, encoded RunSpec)."""
