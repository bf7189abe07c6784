"""SAM on toy landscapes as programs of floats, against steps on tensors: `toys.product` and `toys.curvatures` say
how many times faster, at least 10."""

from __future__ import annotations

from functools import partial

from benchmarks.measure import device, divided, interleaved, report
from engine.problems import Problem, Product, TwoCurvatures
from engine.rules import SAM
from engine.training.loop import STRIDE, State, train
from engine.training.runs import RunSpec

REPEATS, STEPS = 11, 1000


def main() -> None:
    """Steps as programs against steps on tensors, on two toy landscapes."""
    device(__doc__)
    for name, problem in (("product", Product()), ("curvatures", TwoCurvatures())):
        spec = _spec(problem)
        agree(name, spec)
        many, each = interleaved(REPEATS, partial(end, spec, STRIDE), partial(end, spec, 1))
        per = [1e6 * sorted(times)[REPEATS // 2] / STEPS for times in (many, each)]
        report(
            f"toys.{name}",
            divided(each, many),
            f"{per[0]:.1f} µs a step as a program, {per[1]:.0f} on tensors; tracing and two measurements included",
        )


def _spec(problem: Problem) -> RunSpec:
    return RunSpec(
        problem, SAM(0.05), lr=1e-3, batch=min(1, problem.examples()), steps=STEPS, every=STEPS, curvature=False
    )


def end(spec: RunSpec, stride: int) -> State:
    """The run's last state."""
    *_, last = train([spec], stride=stride)
    return last.state


def agree(name: str, spec: RunSpec) -> None:
    """Both must end at one point."""
    a, b = end(spec, STRIDE).theta, end(spec, 1).theta
    apart = float((a - b).norm() / b.norm())
    if apart > 1e-12:
        raise SystemExit(f"toys.{name}: the two ends are {apart:.1e} apart")


if __name__ == "__main__":
    main()
