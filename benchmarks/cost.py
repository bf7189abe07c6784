"""What a rule's own arithmetic costs: time of a step over one of plain SGD, divided by the rule's gradient
evaluations a step; at most 1.05.

`cost.RULE` is the default digits CNN in batches of 256: a rule is a handful of vector operations, which must vanish
beside its gradients, and a gradient here takes 4 ms. Where it takes 1 ms (`cost.small`: batches of 64) or a third of
that (`cost.mlp`: the digits MLP, batches of 64), what is paid for each call into PyTorch is a good part of a step;
these are printed without a bound. A gradient over part of the batch counts as one evaluation, so ESAM's two are 1.5
batches; of m-SAM every micro-batch is one.
"""

from __future__ import annotations

from statistics import median

from benchmarks.measure import device, divided, report
from engine.encyclopedia.cost import STEPS, count, race
from engine.models import CNN, MLP
from engine.problems import Classification, Problem
from engine.rules import RULES, LookSAM

TURNS = 15
RARE = "LookSAM10"


def main() -> None:
    """A step of every rule against one of SGD, on three networks."""
    on = device((__doc__ or "").partition("\n")[0])
    compare("cost", Classification(model=CNN()), on, batch=256, steps=30)
    compare("cost.small", Classification(model=CNN()), on)
    compare("cost.mlp", Classification(model=MLP()), on)


def compare(name: str, problem: Problem, on: str, batch: int = 64, steps: int = STEPS) -> None:
    """Every rule with its own defaults, and LookSAM as a whole at its cheapest, all in turn with SGD."""
    rules = {rule: cls() for rule, cls in RULES.items()} | {RARE: LookSAM(k=10)}
    for lap in race(list(rules.values()), problem, on, steps, TURNS, batch=batch):
        pass
    plain, *others = lap.times
    print(f"# {name}: SGD {1e3 * median(plain):.3f} ms a step", flush=True)
    for (rule, made), own in zip(rules.items(), others, strict=True):
        asked, ratios = count(made, steps, problem, batch), divided(own, plain)
        said = f"{1e3 * median(own):.3f} ms a step, {asked.calls:.4g} gradients, worth {asked.batches:.4g} batches"
        if rule == RARE:
            report(f"{name}.{rule}.total", ratios, said)
        else:
            report(f"{name}.{rule}", [ratio / asked.calls for ratio in ratios], said)


if __name__ == "__main__":
    main()
