"""Command lines: the spec that the words of one describe (rule=SAM rule.rho=0.1, or --rule SAM --rule.rho 0.1)."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from engine.spec.coding import decode
from engine.spec.dotted import gather
from engine.spec.fields import SpecError, Table, dotted, show

NAME = "[A-Za-z_][A-Za-z_0-9.]*"


def read_words(table: Table, words: Sequence[str], base: Any = None) -> Any:
    """The spec of one of the table's classes that words describe, each `name=value` or `--name value`; what they do
    not say is as in `base`, by default the table's first class with its defaults.

    Names and texts are those of addresses; a value in JSON says all that is below its name at once. The last word on a
    field counts. SpecError in one line where anything is wrong.
    """
    texts: dict[str, str] = {}
    for name, text in _pairs(words):
        texts |= _texts(name, text)
    texts[""] = texts.pop("name", "")
    values, strangers = gather(table, texts, base)
    for name, why in strangers.items():
        raise SpecError(f"{show(name)[1:-1]}: {why}")
    return decode(table, values)


def split_words(arguments: Sequence[str], fields: Collection[str] = ()) -> tuple[list[str], list[str]]:
    """The words among a command line's arguments that `read_words` takes, and the other arguments, both in order.

    They are `name=value`, and options with a dot in their names (--plane.draw 3) or named as one of `fields`.
    """
    words, others, rest = [], [], iter(arguments)
    for argument in rest:
        name, equals, _ = argument.removeprefix("--").partition("=")
        option = argument.startswith("--") and ("." in name or name in fields)
        if re.fullmatch(NAME, name) and (option or (equals and not argument.startswith("-"))):
            words += [argument] if equals else [argument, *([following] if (following := next(rest, None)) else [])]
        else:
            others.append(argument)
    return words, others


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The names and texts of words."""
    rest = iter(words)
    for word in rest:
        name, equals, text = word.removeprefix("--").partition("=")
        if not re.fullmatch(NAME, name) or not (equals or word.startswith("--")):
            raise SpecError(f"{show(word)[1:-1]}: expected name=value or --name value")
        following = text if equals else next(rest, None)
        if following is None:
            raise SpecError(f"{name}: expected a value after it")
        yield name, following


def _texts(name: str, text: str) -> dict[str, str]:
    """A word's text, or those that it stands for if it is JSON, by dotted name."""
    if not text.startswith(("{", "[")):
        return {name: text}
    try:
        return dict(_flat(name, json.loads(text)))
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{name}: not JSON that can be read ({type(error).__name__})") from None


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """The texts that a JSON value stands for."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(path if key == "name" else dotted(path, key), inner)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        yield path, str(len(value))
        for i, item in enumerate(value):
            yield from _flat(dotted(path, str(i)), item)
    elif isinstance(value, list):
        yield path, ",".join(map(_text, value))
    else:
        yield path, _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
