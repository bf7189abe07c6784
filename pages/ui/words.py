"""Words: names, numbers and runs as people say them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from engine.figures import words
from engine.figures.words import part, setting, title
from engine.spec import changes, complete
from engine.training.runs import RunSpec

__all__ = ["apart", "duration", "number", "part", "percent", "plain", "run", "setting", "title"]


def plain(text: str) -> str:
    """A stranger's text for a message that reads Markdown: nothing in it becomes a link, a picture or a formula."""
    return re.sub(r"([\\/`*_{}\[\]()<>#!|~$])", r"\\\1", text)


def number(value: float, digits: int = 3) -> str:
    """A number to so many significant digits, an en dash where it is not one."""
    return (
        "–"
        if not math.isfinite(value)
        else f"{value:.{digits}g}"
        if 1e-3 <= abs(value) < 1e5 or value == 0
        else f"{value:.1e}"
    )


def sentence(text: str) -> str:
    """A title, ended by a full stop unless it ends by itself."""
    return text if text.endswith(("?", "!", ".")) else f"{text}."


def percent(share: float) -> str:
    return "–" if not math.isfinite(share) else f"{100 * share:.1f}%"


def duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "–"
    return (
        f"{seconds:.1f} s"
        if seconds < 10
        else f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} min"
        if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )


def run(spec: RunSpec) -> str:
    """A run in one line: what is trained, by which rules, and every setting that differs from the defaults."""
    return " · ".join(_phrases(spec))


def apart(specs: Sequence[RunSpec]) -> tuple[str, list[str]]:
    """What several runs have in common, and each one's own words: all of them where a run has nothing else, or is
    alone."""
    phrases = [_phrases(spec) for spec in specs]
    common = [one for one in phrases[0] if all(one in others for others in phrases)] if len(phrases) > 1 else []
    own = [[one for one in each if one not in common] for each in phrases]
    if not all(own):
        common, own = [], phrases
    return " · ".join(common), [" · ".join(each) for each in own]


def _phrases(spec: RunSpec) -> list[str]:
    usual, own = complete(RunSpec()), changes(spec)
    rules = words.rules(
        {
            "rule": own.pop("rule"),
            "then": [changes(s) | {"at": s.at, "unit": s.unit, "restart": s.restart} for s in spec.then],
        },
        zeros=True,
    )
    own.pop("then")
    problem, update, schedule = own.pop("problem"), own.pop("update"), own.pop("schedule")
    says = {
        "batch": "full batch" if not spec.batch else "",
        "radius": f"radius {spec.radius}",
        "warmup": f"warm-up {spec.warmup:,}",
    }
    changed = [says.get(key) or setting(key, value) for key, value in own.items() if key not in ("name", "lr")]
    return [
        *(title(name) for name in _leaves(complete(spec.problem))),
        rules,
        f"lr {spec.lr:g}",
        *_settings(problem),
        *(_settings(update) if update["name"] == usual["update"]["name"] else [part(update, True)]),
        *(_settings(schedule) if schedule["name"] == usual["schedule"]["name"] else [part(schedule, True).lower()]),
        *changed,
    ]


def _settings(values: Mapping[str, Any]) -> list[str]:
    """All settings of a spec and of what it picks."""
    found = [setting(key, value) for key, value in values.items() if key != "name" and not isinstance(value, dict)]
    return found + [one for value in values.values() if isinstance(value, dict) for one in _settings(value)]


def _leaves(encoded: Mapping[str, Any]) -> list[str]:
    below = [name for value in encoded.values() if isinstance(value, dict) for name in _leaves(value)]
    return below or [encoded["name"]]
