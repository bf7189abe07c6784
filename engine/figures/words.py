"""Words for captions: what an encoded spec says, in a phrase."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.spec import changes, complete, fingerprint

if TYPE_CHECKING:
    from engine.training.runs import RunSpec

Spec = Mapping[str, Any]
"""A RunSpec as `describe` gives it, or as a Run record keeps it, which lacks what came later."""
PLAIN, ALL = "SGD", "Everything"
"""The rule that is plain descent, and the mask that leaves nothing out: neither needs a word where others have one."""
NAMES = {"MSAM": "m-SAM", "LookSAM": "LookSAM", "GraphSAM": "GraphSAM"}
"""Names that their authors write otherwise than `title` would."""
SUMS = {"TwoCurvatures"}
"""Functions that are the mean of several terms, of which a batch takes some."""
JOINS = {"rule": "around", "mask": "on"}
"""The word before what a field picks: SSAM around ASAM, SAM on normalization only."""


NONE = "–"
"""Of a number that is not one."""
SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def number(value: float, digits: int = 4) -> str:
    """A number as people write it, to so many significant digits: −0.1, 1,000, 2×10⁻⁷; a dash where it is none."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else NONE
    if value < 0:
        return f"−{number(-value, digits)}"
    power = math.floor(math.log10(value) + 1e-12)
    if -4 < power < 6:
        after = digits - 1 - power
        return f"{value:,.{after}f}".rstrip("0").rstrip(".") if after > 0 else f"{value:,.0f}"
    figures, tail = f"{value / 10.0**power:.{min(digits, 3)}g}", f"10{str(power).translate(SUPERSCRIPT)}"
    return tail if figures == "1" else f"{figures}×{tail}"


def percent(share: float) -> str:
    """A share to a tenth of a per cent: "12.5%"; a dash where it is not finite."""
    return f"{100 * share:.1f}%".replace("-", "−") if math.isfinite(share) else NONE


def duration(seconds: float) -> str:
    """A time in its usual unit: "2.5 s", "12 min", "1.5 h"; 0.1 s at least, and a dash where it is not finite."""
    if not math.isfinite(seconds):
        return NONE
    if seconds < 90:
        return f"{max(seconds, 0.1):.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def sentence(text: str) -> str:
    """A title, ended by a full stop unless it ends by itself."""
    return text if text.endswith(("?", "!", ".")) else f"{text}."


def digest(spec: Spec) -> str:
    """The digest of a run, for the source of a figure."""
    return spec.get("digest") or fingerprint(spec)


def capital(text: str) -> str:
    """A phrase as a sentence begins with it."""
    return text[:1].upper() + text[1:]


def title(name: str) -> str:
    """A class's name in words: StepDecay is Step decay, PathPCA is Path PCA, AdamW stays."""
    if name in NAMES:
        return NAMES[name]
    first, *rest = re.sub(r"(?<=[a-z])(?=[A-Z]\w)", " ", name).split()
    return " ".join([first, *(word if word.isupper() else word.lower() for word in rest)])


def data(spec: Spec, split: str = "train") -> str:
    """What was computed on: "on all 1,437 training examples of Digits"; for a toy landscape, the function."""
    problem = spec["problem"]
    if not has_data(spec):
        return f"on {title(problem['name'])}, a function of {len(problem['begin'])} coordinates"
    examples = problem.get("data", problem)
    count = {"train": "training", "test": "held-out"}[split]
    known = f"{examples['train']:,} " if split == "train" and "train" in examples else ""
    return f"on all {known}{count} examples of {title(examples['name'])}"


def run(spec: Spec) -> str:
    """The run: "MLP trained with SAM (ρ 0.05), Momentum, learning rate 0.1, batch 64, seed 0"."""
    problem, schedule = spec["problem"], part(spec.get("schedule", {"name": "Constant"}))
    subject = (
        title(problem["model"]["name"]) if "model" in problem else title(problem["name"]) if has_data(spec) else "Point"
    )
    more = {
        f"schedule {schedule[0].lower()}{schedule[1:]}": schedule != "Constant",
        f"warm-up of {number(spec.get('warmup', 0))} steps": spec.get("warmup"),
        f"radius {spec.get('radius')}": spec.get("radius", "constant") != "constant",
        f"clip norm {number(spec.get('clip', 0))}": spec.get("clip"),
        f"label smoothing {number(problem.get('smoothing', 0))}": problem.get("smoothing"),
    }
    parts = [
        rules(spec),
        "no momentum" if part(spec["update"]) == "Momentum" else part(spec["update"]),
        f"learning rate {number(spec['lr'])}",
        *(phrase for phrase, applies in more.items() if applies),
        *(
            [f"batch {number(spec['batch'])}" if spec["batch"] else "full batch", f"seed {spec['seed']}"]
            if has_batches(spec)
            else []
        ),
    ]
    return f"{subject} trained with {', '.join(parts)}"


def rules(spec: Spec, zeros: bool = False) -> str:
    """The rules of a run in their order: "SGD, then SAM (ρ 0.05) from step 500"."""
    later = [
        f"then {part(s['rule'], zeros)} from {s['unit'].removesuffix('s')} {number(s['at'])}{_kept(s)}"
        for s in switches(spec)
    ]
    return ", ".join([part(spec["rule"], zeros), *later])


def _kept(switch: Spec) -> str:
    return "" if switch["restart"] else " with the momentum kept"


def switches(spec: Spec) -> list[Spec]:
    """The switches of a run's rule, in order."""
    return list(spec.get("then", ()))


def takes_over(spec: Spec, nth: int, step: int, unit: str = "") -> str:
    """The switch number `nth`, for a mark at its step: "SAM from 500"."""
    return f"{title(switches(spec)[nth]['rule']['name'])} from {unit}{number(step)}"


def left_out(count: int) -> str:
    """A sentence on the points of a path that could not be used, if there are any."""
    points, are = ("point of the path is", "it is") if count == 1 else ("points of the path are", "they are")
    return f"{count:,} {points} left out: {are} not finite, or out of all proportion far off." if count else ""


def marked(switches: Sequence[str]) -> str:
    """A sentence on the marks of a chart at which the rule is switched, if there are any."""
    return f"Dotted lines mark where another rule takes over: {', '.join(switches)}." if switches else ""


def has_data(spec: Spec) -> bool:
    """Whether there are examples, or a function only."""
    return "begin" not in spec["problem"]


def has_batches(spec: Spec) -> bool:
    """Whether there is anything to draw batches from."""
    return has_data(spec) or spec["problem"]["name"] in SUMS


def has_classes(spec: Spec) -> bool:
    """Whether there is anything to classify."""
    return "data" in spec["problem"]


def part(spec: Spec, zeros: bool = False) -> str:
    """A part of a spec with its settings: "SAM (ρ 0.05)", "SSAM (shrink) around ASAM (ρ 0.5) on all but
    normalization"; with `zeros`, those at 0 too."""
    own = [
        setting(key, value)
        for key, value in spec.items()
        if key != "name" and not isinstance(value, dict) and (zeros or value not in (0, False))
    ]
    picked = [
        f" {JOINS.get(key, 'with')} {_lower(key, part(v, zeros))}"
        for key, v in spec.items()
        if isinstance(v, dict) and v["name"] != ALL
    ]
    return title(spec["name"]) + (f" ({', '.join(own)})" if own else "") + "".join(picked)


def setting(key: str, value: Any) -> str:
    """One setting: "ρ 0.05", "nesterov", "no curvature", "begin 1, 2"."""
    words = re.sub(r"^rho\b", "ρ", key.replace("_", " "))
    if isinstance(value, bool):
        return words if value else f"no {words}"
    if isinstance(value, list | tuple):
        return f"{words} {', '.join(map(number, value))}"
    return f"{words} {number(value) if isinstance(value, int | float) else value}"


def _lower(key: str, words: str) -> str:
    """A mask is described, a rule is named."""
    return words[0].lower() + words[1:] if key == "mask" else words


def rule(spec: Spec) -> str:
    """The rule whose colour a run has: the last that takes over and is not plain descent."""
    names = [spec["rule"]["name"], *(s["rule"]["name"] for s in switches(spec))]
    return next((name for name in reversed(names) if name != PLAIN), PLAIN)


def edge(spec: Spec) -> str:
    """Whose edge of stability a run has."""
    return "the rule's edge" if switches(spec) else f"{title(rule(spec))}'s edge"


def decay(spec: Spec) -> str:
    """A sentence on weight decay after a run's words; nothing where there is none."""
    rate = spec["update"].get("decay", 0)
    if not rate:
        return ""
    return f" The loss is without a term for the weight decay of {number(rate)}, which acts in the step."


def rescaled_edge(spec: Spec) -> str:
    """A sentence on what a rescaled rule's edge is; nothing for any other rule."""
    return (
        "SSAM's edge is that of the rule it rescales at the rate η‖g‖/‖u‖, u before it is rescaled: 2/η only where g "
        "lies along v₁."
        if rule(spec) == "SSAM"
        else ""
    )


def loss(spec: Spec) -> str:
    """The loss and its unit, for an axis."""
    objective = spec["problem"].get("objective")
    usual = "half the mean squared residual" if has_data(spec) else "value of the function"
    return {"cross-entropy": "cross-entropy loss (nats)", "squared error": "mean squared error"}.get(
        objective or "", objective or usual
    )


def brief(spec: RunSpec) -> str:
    """A run in one line: what is trained, by which rules, and every setting that differs from the defaults."""
    return " · ".join(_phrases(spec))


def contrast(specs: Sequence[RunSpec]) -> tuple[str, list[str]]:
    """What several runs have in common, and each one's own words: all of them where a run has nothing else, or is
    alone."""
    phrases = [_phrases(spec) for spec in specs]
    common = [p for p in phrases[0] if all(p in others for others in phrases)] if len(phrases) > 1 else []
    own = [[p for p in each if p not in common] for each in phrases]
    if not all(own):
        common, own = [], phrases
    return " · ".join(common), [" · ".join(each) for each in own]


def _phrases(spec: RunSpec) -> list[str]:
    usual, own = complete(type(spec)()), changes(spec)
    own["rule"] = _with_radius(own["rule"], complete(spec.rule))
    switches = [
        {"rule": _with_radius(changes(s)["rule"], complete(s.rule)), "at": s.at, "unit": s.unit, "restart": s.restart}
        for s in spec.then
    ]
    in_turn = rules({"rule": own.pop("rule"), "then": switches}, zeros=True)
    own.pop("then")
    problem, update, schedule = own.pop("problem"), own.pop("update"), own.pop("schedule")
    phrase = {
        "batch": "full batch" if not spec.batch else "",
        "radius": f"radius {spec.radius}",
        "warmup": f"warm-up {spec.warmup:,}",
    }
    changed = [phrase.get(key) or setting(key, value) for key, value in own.items() if key not in ("name", "lr")]
    return [
        *(title(name) for name in _leaves(complete(spec.problem))),
        in_turn,
        f"lr {spec.lr:g}",
        *_settings(problem),
        *(_settings(update) if update["name"] == usual["update"]["name"] else [part(update, True)]),
        *(_settings(schedule) if schedule["name"] == usual["schedule"]["name"] else [part(schedule, True).lower()]),
        *changed,
    ]


def _with_radius(own: Spec, full: Spec) -> Spec:
    """What a rule has set otherwise than usual, and its radius always: no reader knows the usual one."""
    radius = {"rho": full["rho"]} if "rho" in full else {}
    inner = {key: _with_radius(own.get(key, {"name": v["name"]}), v) for key, v in full.items() if isinstance(v, dict)}
    return {"name": own["name"], **radius, **own, **inner}


def _settings(values: Spec) -> list[str]:
    """All settings of a spec and of what it picks."""
    found = [setting(key, value) for key, value in values.items() if key != "name" and not isinstance(value, dict)]
    return found + [text for value in values.values() if isinstance(value, dict) for text in _settings(value)]


def _leaves(encoded: Spec) -> list[str]:
    """The names of what a spec picks, and these pick, down to those that pick nothing."""
    names = [name for value in encoded.values() if isinstance(value, dict) for name in _leaves(value)]
    return names or [encoded["name"]]
