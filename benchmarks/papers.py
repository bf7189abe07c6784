"""How long the papers' experiments take at quick size, on one core: seconds of each, and of all five papers; no
baseline but the reader's patience.

`papers.Drift` has at most 2 s, `papers.WhichSharpness` and `papers.EdgeOfStability` 10 s each, and each of the last
three papers 60 s on two cores; all five together have five minutes.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import cast

from benchmarks.measure import device
from engine.experiments import EXPERIMENTS, PAPERS
from engine.experiments.lab import perform
from engine.machine import settle
from engine.records import Result, finished


def main() -> None:
    """Seconds of every experiment at quick size, against what the module promises."""
    on = device((__doc__ or "").partition("\n")[0])
    settle()
    spent: dict[str, float] = defaultdict(float)
    for paper in PAPERS.values():
        for cls in paper.experiments:
            begun = time.perf_counter()
            result = finished(perform(cls(), [], on, None))
            seconds = time.perf_counter() - begun
            verdicts = [check.verdict() for check in cls().checks(cast(Result, result))]
            spent[paper.key] += seconds
            print(f"seconds papers.{cls.__name__} {seconds:.2f}  # {', '.join(verdicts)}", flush=True)
    for key, seconds in spent.items():
        print(f"seconds papers.{key} {seconds:.1f}")
    five = sum(seconds for key, seconds in spent.items() if not PAPERS[key].extra)
    print(
        f"seconds papers.five {five:.1f}  # one after the other on one core; {len(EXPERIMENTS)} experiments in all "
        f"take {sum(spent.values()):.0f}"
    )


if __name__ == "__main__":
    main()
