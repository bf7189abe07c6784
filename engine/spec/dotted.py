"""Dotted names: the texts that say how a spec differs from another (rule=SAM, rule.rho=0.1, then=1, then.0.at=300),
and what such texts mean; the grammar of addresses and of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.spec.coding import encode, unknown
from engine.spec.fields import Table, Texts, defaults, dotted, knobs


def flatten(spec: Any, usual: Any = None) -> dict[str, str]:
    """The texts of all fields in which a spec differs from a usual one of its class (by default: from the class's
    defaults), by dotted name."""
    normal = defaults(type(spec)) if usual is None else vars(usual)
    found = {}
    for name, k in knobs(type(spec)).items():
        value = getattr(spec, name)
        if value != normal[name]:
            found |= {dotted(name, rest): text for rest, text in k.flatten(value, normal[name]).items()}
    return found


def gather(table: Table, texts: Texts, usual: Any = None) -> tuple[dict[str, Any], dict[str, str]]:
    """The JSON form of the spec that texts describe, for `decode` to check, and why some of them mean nothing, by
    their names.

    The class's name stands under "". What is not given is as in the usual spec, by default
    the table's first with its defaults; but another class than the usual one's comes with its own defaults.
    """
    usual = next(iter(table.values()))() if usual is None else usual
    name = texts.get("") or type(usual).__name__
    if name not in table:
        return {"name": name}, {}
    cls, groups, values, strangers = table[name], grouped(texts), {"name": name}, {}
    normal = vars(usual) if type(usual).__name__ == name else defaults(cls)
    for field, k in knobs(cls).items():
        if field in groups:
            values[field], unclear = k.gather(groups.pop(field), normal[field])
            strangers |= {dotted(field, rest): why for rest, why in unclear.items()}
        elif normal[field] != defaults(cls)[field]:
            values[field] = k.encode(normal[field], encode)
    return values, strangers | {name: unknown(cls) for name in names(groups)}


def grouped(texts: Texts) -> dict[str, dict[str, str]]:
    """Texts by what stands before the first dot of their names; what has no dot stands under ""."""
    groups: dict[str, dict[str, str]] = {}
    for name, text in texts.items():
        head, _, rest = name.partition(".")
        if name:
            groups.setdefault(head, {})[rest] = text
    return groups


def names(groups: Mapping[str, Texts]) -> list[str]:
    """The dotted names of grouped texts."""
    return [f"{head}.{rest}".removesuffix(".") for head, texts in groups.items() for rest in texts]
