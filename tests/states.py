"""Records of every kind, and the columns of a run, in every state that figures may be given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np

from engine.figures import charts
from engine.records import Alignment, Spectrum, Surface

SPEC = {
    "name": "RunSpec",
    "problem": {
        "name": "Classification",
        "data": {"name": "Digits", "train": 1437},
        "model": {"name": "MLP", "width": 20},
        "objective": "cross-entropy",
    },
    "rule": {"name": "SAM", "rho": 0.05},
    "update": {"name": "Momentum", "momentum": 0.0, "decay": 0.0},
    "lr": 0.1,
    "schedule": {"name": "Constant"},
    "batch": 64,
    "steps": 500,
    "seed": 0,
    "every": 25,
    "curvature": True,
}
TOY = SPEC | {"problem": {"name": "Beale", "begin": [1.0, 1.5]}}
SAM = {"name": "SAM", "rho": 0.05}
LATER = [
    {"name": "Switch", "at": at, "unit": "steps", "restart": True, "rule": rule}
    for at, rule in ((250, SAM), (275, {"name": "SSAM", "rule": SAM}))
]
SWITCHED = SPEC | {"rule": {"name": "SGD"}, "then": LATER}
OLD = ("gradients", "phase")
"""What runs that were kept by the first version lack."""
T = 21


def height(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A surface that no reflection or transposition leaves as it is."""
    return 1.0 + (a - 0.3) ** 2 + 0.4 * (b + 0.2) ** 2 + 0.3 * a * b + 0.2 * b


def columns() -> dict[str, np.ndarray]:
    random, falling = np.random.default_rng(0), np.exp(-np.linspace(0, 4, T))
    drawn = {name: falling * random.uniform(0.5, 1, T) for name in charts.MEASURES}
    counted = {"gradients": np.arange(T) * 50.0, "phase": np.zeros(T)}
    return (
        {"step": np.arange(T) * 25, "seconds": np.arange(T) * 0.5}
        | drawn
        | counted
        | {"limit": np.full(T, 20.0), "sharpness_residual": np.full(T, 0.02)}
    )


def surface(resolution: int = 21, stride: int = 1) -> Surface:
    line = (np.arange(resolution) - resolution // 2) * (2 / (resolution // 2))
    path = np.stack([np.linspace(1.4, 0, T), np.linspace(-1, 0, T) ** 3])
    known = (np.arange(resolution) - resolution // 2) % max(stride, 1) == 0
    loss = np.where((known[:, None] & known) if stride else False, height(line[None], line[:, None]), np.nan)
    steps, far = np.arange(T) * 25, np.linspace(2, 0, T)
    return Surface(
        spec={"name": "SurfaceSpec"},
        run="0" * 16,
        checkpoint=T - 1,
        split="train",
        labels=("path direction 1", "path direction 2"),
        unit="parameter distance",
        a=line,
        b=line.copy(),
        loss=loss,
        accuracy=1 / (1 + loss),
        stride=stride,
        norms=(1.0, 1.0),
        cosine=0.0,
        steps=steps,
        path_a=path[0],
        path_b=path[1],
        residual=far / 4,
        distance=far,
        path_loss=height(*path) + 0.1,
        plane_loss=height(*path),
        explained=0.93,
        check=1e-7,
    )


def with_cells(change: Callable[[np.ndarray], np.ndarray]) -> Surface:
    whole = surface()
    return replace(whole, loss=change(whole.loss.copy()), accuracy=change(whole.accuracy.copy()))


def hole(z: np.ndarray) -> np.ndarray:
    z[3, 4], z[0, 0], z[20, :5] = np.nan, np.inf, np.nan
    return z


def peak(z: np.ndarray) -> np.ndarray:
    z[:2, :2] = 1e9
    return z


def spectrum() -> Spectrum:
    random = np.random.default_rng(1)
    exact = np.sort(np.concatenate([random.normal(0, 0.02, 190), random.uniform(0.5, 3, 10)]))
    nodes = np.sort(random.choice(exact, (4, 12)), axis=1)
    top, bottom, weights = exact[::-1][:5], exact[:3], np.full((4, 12), 1 / 12)
    return Spectrum(
        spec={"name": "SpectrumSpec"},
        run="0" * 16,
        checkpoint=20,
        size=200,
        products=300,
        top=top,
        top_residuals=np.full(5, 0.05),
        bottom=bottom,
        bottom_residuals=np.full(3, 0.01),
        nodes=nodes,
        weights=weights,
        exact=exact,
        trace=12.3456,
        trace_error=0.78,
        gradient_norm=0.1,
    )


def alignment(k: int = 5) -> Alignment:
    values = np.sort(np.random.default_rng(2).uniform(1, 9, (T, k)), axis=1)[:, ::-1]
    unit, steps = values / 10, np.arange(T) * 25
    cosines = unit / k**0.5  # the squares of the cosines with orthonormal vectors are 1 at most together
    overlap = np.r_[np.nan, np.linspace(0.3, 1, T - 1)]
    return Alignment(
        spec={"name": "AlignmentSpec"},
        run="0" * 16,
        steps=steps,
        values=values,
        residuals=values * 0.01,
        cos_g=cosines,
        cos_u=cosines**2,
        share_g=unit[:, 0],
        share_u=unit[:, 1],
        overlap=overlap,
        gradient_norm=unit[:, 2],
        edge=unit[:, 3] * 9,
        limit=np.full(T, 20.0),
    )


def first_checkpoints(record: Alignment, count: int) -> Alignment:
    """The record as it was after so many checkpoints."""
    rows = {f.name: getattr(record, f.name) for f in fields(record) if "T" in f.metadata.get("axes", ())}
    return replace(record, **{name: values[:count] for name, values in rows.items()})


def forgotten(values: np.ndarray) -> np.ndarray:
    """Values at T checkpoints of which the last ones are not known."""
    return np.where((np.arange(T) < T - 4).reshape(-1, *[1] * (values.ndim - 1)), values, np.nan)


def _map_columns(change: Callable[[str, np.ndarray], np.ndarray]) -> dict[str, np.ndarray]:
    return {name: change(name, values) for name, values in columns().items()}


def phases(data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns of a run whose rule was switched at the steps of `SWITCHED`."""
    return data | {"phase": (data["step"] >= 250) + (data["step"] >= 275) * 1.0}


def _diverged(name: str, values: np.ndarray) -> np.ndarray:
    if name in ("step", "seconds", "phase"):
        return values
    return np.where(np.arange(T) < T - 3, values * 1e25 ** (np.arange(T) / T), [np.inf] * (T - 1) + [np.nan])


FUNCTION = ("train_accuracy", "test_loss", "test_accuracy")
COLUMNS = {
    "full": columns(),
    "empty": charts.columns([]),
    "one frame": _map_columns(lambda _, v: v[:1]),
    "diverged": _map_columns(_diverged),
    "untracked": _map_columns(
        lambda name, v: v * np.nan if name in ("sharpness", "sharpness_residual", "cos_g", "cos_u", "edge") else v
    ),
    "zeros": _map_columns(lambda name, v: v if name in ("step", "seconds") else v * 0),
    "switched": phases(columns()),
    "switched just now": {name: values[:11] for name, values in phases(columns()).items()},
    "of the first version": {name: values for name, values in columns().items() if name not in OLD},
    "function": _map_columns(lambda name, v: v * np.nan if name in FUNCTION else v),
}
SURFACES = {
    "full": surface(),
    "even": surface(20),
    "unbegun": surface(21, 0),
    "coarse": surface(21, 8),
    "finer": surface(20, 2),
    "holes": with_cells(hole),
    "nothing finite": with_cells(lambda z: z * np.nan),
    "constant": with_cells(lambda z: z * 0 + 0.5),
    "zero": with_cells(lambda z: z * 0),
    "zero in places": with_cells(lambda z: np.maximum(z - 1.5, 0)),
    "negative": with_cells(lambda z: z - 2),
    "peak": with_cells(peak),
    "lost path": replace(
        surface(),
        **dict.fromkeys(("path_a", "path_b", "path_loss", "residual"), np.full(T, np.nan)),
        explained=np.nan,
        check=np.nan,
    ),
}
TWO = np.array([1.0, 3.0])
SPECTRA = {
    "full": spectrum(),
    "ends only": replace(
        spectrum(),
        nodes=np.zeros((0, 0)),
        weights=np.zeros((0, 0)),
        exact=np.zeros(0),
        trace=np.nan,
        trace_error=np.nan,
    ),
    "one probe": replace(
        spectrum(), nodes=spectrum().nodes[:1], weights=spectrum().weights[:1], exact=np.zeros(0), trace_error=np.nan
    ),
    "of two": Spectrum(
        spec={},
        run="0" * 16,
        checkpoint=0,
        size=2,
        products=4,
        top=TWO[::-1],
        top_residuals=np.zeros(2),
        bottom=TWO,
        bottom_residuals=np.zeros(2),
        exact=TWO,
        trace=4.0,
        trace_error=0.0,
        gradient_norm=0.0,
    ),
    "of nothing": replace(
        spectrum(),
        nodes=np.zeros((2, 4)),
        weights=np.full((2, 4), 0.25),
        exact=np.zeros(200),
        top=np.zeros(5),
        bottom=np.zeros(3),
    ),
}
ALIGNMENTS = {
    "full": alignment(),
    "many": alignment(20),
    "one": first_checkpoints(alignment(), 1),
    "none": first_checkpoints(alignment(), 0),
    "switched": replace(alignment(), switches=np.array([250, 275, 600])),
    "forgotten": replace(alignment(), cos_u=alignment().cos_u * np.nan, share_u=alignment().share_u * np.nan),
    "forgotten in part": replace(
        alignment(), cos_u=forgotten(alignment().cos_u), share_u=forgotten(alignment().share_u)
    ),
}
SPECS = {"function": TOY, "switched": SWITCHED, "switched just now": SWITCHED}
"""The spec of a state's data, where it is not SPEC."""
