"""How often the intervals of `engine.sweeps`, nominally of 95 %, hold the truth: `coverage.MEASURE` of simulated sweeps
whose truth is known."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np
from scipy import special

from benchmarks.shapes import SHAPES
from engine.sweeps.aggregates import interquartile_mean, performance_profile, probability_of_improvement
from engine.sweeps.bootstrap import Estimate
from engine.sweeps.boundary import dimension
from engine.sweeps.design import DesignSpec, Range, Sobol
from engine.sweeps.importance import TOP
from engine.sweeps.importance import importance as decisive
from engine.sweeps.maps import best_cell, best_of, importance, rate_sensitivity, share_within, stable_rate
from engine.sweeps.problems import dimensionality, tuning_sensitivity
from engine.sweeps.resamples import Outcomes
from engine.sweeps.search import ranks
from engine.sweeps.spikes import spike_score

START, SIDE, MANY = 2.3, 8, 20001
KNOBS = (Range("lr", 0.001, 1.0), Range("rule.rho", 0.01, 1.0), Range("update.momentum", 0.0, 0.9, log=False))
POINTS, STEPS = 128, 50
"""Points of a design, and of PED-ANOVA's grid along a knob."""
RATES = np.geomspace(1e-3, 1.0, SIDE)
RULES = {"one": 0.0, "other": 0.15}
"""Where along the rates a rule's valley lies."""
Found = Iterator[tuple[str, Estimate, float]]


def simulated(random: np.random.Generator, seeds: int, noise: float, valley: float = 0.0) -> np.ndarray:
    """Losses [8, 8, S] of a valley in two knobs."""
    y, x = np.linspace(-1, 1, SIDE)[:, None], np.linspace(-1.6, 1.4, SIDE) - valley
    return drawn(random, seeds, noise, *ground(*np.broadcast_arrays(x, y)))


def ground(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """At places x, y of the valley: the log loss, how much seeds differ there, and the chance that a run diverges: more
    rate means more of both."""
    level = np.log(0.3) + 0.6 * (x - 0.2 * y + 0.13) ** 2 + 0.25 * (y - 0.11) ** 2 + 0.1 * x * y
    return level, 0.75 + 0.25 * x, special.expit(6 * (x + 0.3 * y - 0.9))


def drawn(
    random: np.random.Generator, seeds: int, noise: float, level: np.ndarray, spread: np.ndarray, lost: np.ndarray
) -> np.ndarray:
    """Losses [..., S] at places [...]; a seed's luck is shared by its cells."""
    size = (*level.shape, seeds)
    luck = 0.7 * random.normal(size=seeds) + spread[..., None] * random.normal(size=size)
    fate = 0.7 * random.normal(size=seeds) + 0.51**0.5 * random.normal(size=size)
    return np.where(special.ndtr(fate) < lost[..., None], np.inf, np.exp(level[..., None] + noise * luck))


def maps(random: np.random.Generator, seeds: int, noise: float, count: int) -> Callable[[], Found]:
    """Measures of one rule's map, or of one beside another; truths are those of 20,001 seeds, by plain NumPy."""
    many = [np.minimum(simulated(random, MANY, noise, at), START) for at in RULES.values()]
    whole = [np.median(runs, -1) for runs in many]
    truths = _truths(many[0], whole[0], min(grid.min() for grid in whole))

    def sweep() -> Found:
        start, stream = np.full(seeds, START), int(random.integers(1 << 30))
        drawn = [simulated(random, seeds, noise, at) for at in RULES.values()]
        one, other = (Outcomes(runs, start, count=count, generator=stream) for runs in drawn)
        found = {
            "share": share_within(one),
            "share.all": share_within(one, rivals=[other]),
            "best": best_cell(one).loss,
        }
        found |= {"stable": stable_rate(one, RATES, row=3).column, "sensitivity": rate_sensitivity(one, RATES)}
        found |= {f"importance.{name}": each for name, each in importance(one).items()}
        found |= {f"best_of.{k}": best_of(one, k)[-1] for k in (1, 5, 20)}
        yield from ((name, estimate, truths[name]) for name, estimate in found.items())

    return sweep


def _truths(runs: np.ndarray, grid: np.ndarray, best: float) -> dict[str, float]:
    row = grid[grid.min(1).argmin()]
    near = np.abs(np.log10(RATES / RATES[row.argmin()])) <= 1.5 + 1e-9
    stable = (runs[3] < START).mean(-1) >= 0.5
    logs = np.log(runs).mean(-1)
    rows, columns = ((logs.mean(axis) - logs.mean()) ** 2 for axis in (1, 0))
    shares = np.array([rows.mean(), columns.mean()]) / logs.var()
    ordered, n = np.sort(runs[..., :2001].reshape(-1, 2001), 0), SIDE**2
    at_least = [1 - special.comb(n - 1 - np.arange(n), k) / special.comb(n, k) for k in (1, 5, 20)]
    chances = [np.diff(chance, prepend=0.0) for chance in at_least]
    return {
        "share": float((grid <= 1.1 * grid.min()).mean()),
        "share.all": float((grid <= 1.1 * best).mean()),
        "best": float(grid.min()),
        "stable": float(np.flatnonzero(np.logical_and.accumulate(stable))[-1]),
        "sensitivity": float(row[near].mean() - row.min()),
        "importance.rows": shares[0],
        "importance.columns": shares[1],
        "importance.interaction": 1 - shares.sum(),
        **{f"best_of.{k}": float((c @ ordered).mean()) for k, c in zip((1, 5, 20), chances, strict=True)},
    }


def problems(random: np.random.Generator, seeds: int, noise: float, count: int) -> Callable[[], Found]:
    """Measures over three problems, whose valleys lie apart."""
    places = {"a": -0.3, "b": 0.0, "c": 0.3}
    wholes = [np.median(np.minimum(simulated(random, MANY, noise, at), START), -1) for at in places.values()]
    highs, lows = np.percentile(wholes, [95, 5], axis=(1, 2))[:, :, None, None]
    scores = (highs - wholes) / (highs - lows)
    tuned, average = scores.max((1, 2)).mean(), scores.mean(0)
    row, column = np.unravel_index(average.argmax(), average.shape)
    along = max(scores[:, row].max(-1).mean(), scores[:, :, column].max(-1).mean())
    dimension = 0 if average.max() >= 0.95 * tuned else 1 if along >= 0.95 * tuned else 2

    def sweep() -> Found:
        start = np.full(seeds, START)
        drawn = {
            n: {"rule": Outcomes(simulated(random, seeds, noise, at), start, count=count)} for n, at in places.items()
        }
        yield "phi", tuning_sensitivity(drawn)["rule"], float(tuned - average.max())
        yield "dimensionality", dimensionality(drawn)["rule"], dimension

    return sweep


def scores(random: np.random.Generator, seeds: int, noise: float, count: int) -> Callable[[], Found]:
    """Aggregates of three problems' scores, skewed, and the spikes of runs that have a rate of spikes each."""
    levels = np.array([0.5, 0.6, 0.8])

    def runs(number: int, shift: float) -> np.ndarray:
        return levels[:, None] * np.exp(4 * noise * random.normal(size=(3, number)) + shift)

    one = runs(200001, 0.0)
    pooled = np.sort(one.ravel())[one.size // 4 : -(one.size // 4)]
    truths = {"iqm": pooled.mean(), "improvement": special.ndtr(0.5 / 2**0.5)}
    truths["spikes"] = spike_score(_spiky(random, 2000), window=50).value
    truths |= {f"profile.{t}": float((one <= t).mean()) for t in (0.6, 0.7)}

    def sweep() -> Found:
        a, b = (dict(zip("abc", runs(seeds, shift), strict=True)) for shift in (0.0, 4 * noise * 0.5))
        yield "iqm", interquartile_mean(a, count), truths["iqm"]
        yield "improvement", probability_of_improvement(a, b, count), truths["improvement"]
        profile = performance_profile(a, np.array([0.6, 0.7]), count)
        yield from ((f"profile.{t}", each, truths[f"profile.{t}"]) for t, each in zip((0.6, 0.7), profile, strict=True))
        yield "spikes", spike_score(_spiky(random, seeds), window=50), truths["spikes"]

    return sweep


def designs(random: np.random.Generator, seeds: int, noise: float, count: int) -> Callable[[], Found]:
    """The importance of a design's three knobs, of which the third does little; the interval is over points, and truths
    are those of two million, without noise, by histograms."""
    shares = random.random((2_000_000, len(KNOBS)))
    level, _, lost = _placed(shares)
    loss = np.where(lost > 0.5, np.inf, level)
    best = shares[loss <= np.quantile(loss, TOP)]
    tallies = np.stack([np.bincount((knob * STEPS).astype(int), minlength=STEPS) for knob in best.T])
    apart = ((STEPS * tallies / len(best) - 1) ** 2).sum(1)

    def sweep() -> Found:
        spec = DesignSpec(ranges=KNOBS, points=POINTS, sampler=Sobol(int(random.integers(1 << 31))))
        runs = drawn(random, seeds, noise, *_placed(spec.sampler.shares(POINTS, len(KNOBS))))
        outcomes = {"state": 1.0 + np.isinf(runs), "test_loss": runs, "train_loss": runs}
        found = decisive(spec, 0, spec.values[0], ranks(outcomes, "best"))
        yield from ((f"knobs.{k}", found[one.knob], apart[k] / apart.sum()) for k, one in enumerate(KNOBS))

    return sweep


def _placed(shares: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `ground`, at shares [N, 3] of the knobs' ranges."""
    x, y, z = shares.T
    level, spread, lost = ground(3 * x - 1.6, 2 * y - 1)
    return level + 0.1 * z**2, spread, lost


def edges(random: np.random.Generator, seeds: int, noise: float, count: int) -> Callable[[], Found]:
    """The dimension of edges that have a known one, on maps as large as any; there is one seed and no noise."""

    def sweep() -> Found:
        for name, (region, truth) in SHAPES.items():
            yield f"dimension.{name}", dimension(region(random, 64)), truth

    return sweep


def _spiky(random: np.random.Generator, runs: int) -> np.ndarray:
    """Series [S, 150] whose runs have a rate of spikes each."""
    often = 0.02 * random.gamma(4, 0.25, size=(runs, 1))
    return random.normal(size=(runs, 150)) + 100 * (random.random((runs, 150)) < often)


def covered(
    sweeps: int, seeds: int = 10, noise: float = 0.1, count: int = 500, kinds=(maps, problems, scores, designs, edges)
):
    """Of every measure: whether each sweep's interval holds the truth, its middle's bias, and its mean width."""
    rows: dict[str, list[tuple[bool, float, float]]] = {}
    for kind in kinds:
        sweep = kind(np.random.default_rng(1), seeds, noise, count)
        for _ in range(sweeps):
            for name, found, truth in sweep():
                holds = found.low - 1e-12 <= truth <= found.high + 1e-12
                rows.setdefault(name, []).append((holds, found.value - truth, found.high - found.low))
    return {name: np.array(each, float) for name, each in rows.items()}


def main() -> None:
    """Prints the coverage of every measure with its standard error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--noise", type=float, default=0.1)
    arguments = parser.parse_args()
    print(f"# {arguments.sweeps} sweeps of {arguments.seeds} seeds, noise {arguments.noise}, 500 resamples", flush=True)
    for name, rows in covered(arguments.sweeps, arguments.seeds, arguments.noise).items():
        share, bias, width = rows.mean(0)
        error = (share * (1 - share) / len(rows)) ** 0.5
        print(f"ratio coverage.{name} {share:.3f}")
        print(f"#   ± {error:.3f}; bias {bias:+.4f}, mean width {width:.4f}", flush=True)


if __name__ == "__main__":
    main()
