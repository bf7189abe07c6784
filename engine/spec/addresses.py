"""Addresses: the spec that a stranger's parameters describe, where what is wrong in them costs that alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import is_dataclass
from typing import Any, NamedTuple

from engine.spec.coding import decode, encode
from engine.spec.dotted import flatten, gather
from engine.spec.fields import SpecError, Table, defaults


class Reading(NamedTuple):
    """What parameters describe."""

    spec: Any
    faults: list[str]  # a line for each thing that had to be left out
    kept: dict[str, str]  # the parameters that are not left out; of a series that lacks something, what it has


def read_address(table: Table, parameters: Mapping[str, str]) -> Reading:
    """The spec of one of the table's classes that an address's dotted parameters describe; there always is one."""
    name = parameters.get("name", next(iter(table)))
    faults = [] if name in table else [f"name: expected one of {', '.join(table)}, got {name[:40]!r}"]
    texts = {key: text for key, text in parameters.items() if key != "name"}
    values, strangers = gather(table, texts | {"": "" if faults else name})
    lost = [*(["name"] if faults else []), *strangers]
    faults += [f"{path[:40]!r}: unknown field" for path in strangers]
    while True:
        try:
            spec = decode(table, values)
            return Reading(spec, faults, _kept(spec, parameters, lost))
        except SpecError as error:
            path = str(error).partition(":")[0]
            faults.append(str(error))
            usual = table[values["name"]]() if values["name"] in table else None
            if not _drop(values, path, usual):
                if again := len(faults) > 1 and faults[-2].startswith(f"{path}:"):
                    faults.pop()  # what it is by itself does not go with another value either: that is said once
                path = _drop_any(table, values, usual)
                faults[-1] += f" (left out{', too' if again else ''}: {path or 'all of it'})"
            lost += [path] if path else parameters


def _kept(spec: Any, parameters: Mapping[str, str], lost: list[str]) -> dict[str, str]:
    """The parameters without those at or below the paths that were left out; but a series is as it is in the spec, for
    its items have other numbers there."""
    whole = {path.removesuffix(".name") for path in lost}
    gone = {re.split(r"\[|\.(?=[0-9])", path)[0] for path in whole}
    series = gone - whole
    given = {key: text for key, text in parameters.items() if not _below(gone, key)}
    return given | {key: text for key, text in flatten(spec).items() if _below(series, key)}


def _below(paths: Iterable[str], key: str) -> bool:
    """Whether a dotted name is one of the paths or below one."""
    return any(f"{key.removesuffix('.')}.".startswith(f"{path}.") for path in paths)


def _drop(values: Any, path: str, usual: Any) -> bool:
    """Leaves out what a dotted path leads to (with a wrong name, all that is named), or an item of a list that it
    leads into, so that it is as in the usual spec, if there is one; whether there was any."""
    head, *rest = re.findall(r"[^.\[\]]+", path.removesuffix(".name")) or [""]
    place: Any = int(head) if isinstance(values, list) else head
    if not (0 <= place < len(values) if isinstance(values, list) else place in values and place != "name"):
        return False
    if rest and _nest(values[place]):
        below = None if isinstance(values, list) else getattr(usual, place, None)
        if _drop(values[place], ".".join(rest), below):
            return True
        if not isinstance(values, list):
            return False
    left_out = values.pop(place)
    if isinstance(values, dict) and is_dataclass(usual) and type(usual).__name__ == values["name"]:
        # a spec within another may have defaults of its own there; what is at fault even so is left out for good
        again = encode(usual).get(place, left_out)
        if again != left_out and getattr(usual, place) != defaults(type(usual))[place]:
            values[place] = again
    return True


def _nest(value: Any) -> bool:
    """Whether a value holds specs, not just numbers."""
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value))


def _drop_any(table: Table, values: dict[str, Any], usual: Any) -> str:
    """Leaves out the first value without which there is a spec, else all of them; the path of what was left out, ""
    where it is all."""
    for path in _paths(values):
        rest = deepcopy(values)
        _drop(rest, path, usual)
        try:
            decode(table, rest)
        except SpecError:
            continue
        _drop(values, path, usual)
        return path
    for name in [name for name in values if name != "name"]:
        del values[name]
    return ""


def _paths(values: Any, prefix: str = "") -> Iterator[str]:
    """The dotted path of every value, the innermost first."""
    for name, value in enumerate(values) if isinstance(values, list) else list(values.items()):
        if _nest(value):
            yield from _paths(value, f"{prefix}{name}.")
        if name != "name":
            yield f"{prefix}{name}"
