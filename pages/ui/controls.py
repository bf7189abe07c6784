"""Controls: widgets made from the knobs in a spec's fields, nested where a field picks specs; their values are kept
for the session.

A field's value stands in the session under its dotted path, below a pick also the chosen class's name:
"train.rule.SAM.rho". Of several
specs their number stands under the field's path, and each one's fields below its place: "train.then.0.Switch.at".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import streamlit as st

from engine.figures.words import setting, title
from engine.spec import Knob, encode, knobs

Reasons = Mapping[str, str]
"""Why a field cannot apply now, by the field's name: its control is disabled and says so."""

MOOT = {
    "nesterov": ("momentum", 0.0, "Does not apply: there is no momentum."),
    "decoupled": ("decay", 0.0, "Does not apply: there is no weight decay."),
    "eta": ("scale", "layerwise", "Does not apply to layerwise sizes."),
}
"""Fields that change nothing while another field of the same spec has this value."""
NESTED = ("pick", "several")


def fill(at: str, spec: Any) -> None:
    """Sets the widgets below `at` to a spec; to be called before they are drawn."""
    _set(type(spec), at, encode(spec))


def _set(cls: type, at: str, values: Mapping[str, Any]) -> None:
    """As `fill`, of a spec's fields as JSON has them; those that are missing get their defaults."""
    usual = encode(cls())
    for name, k in knobs(cls).items():
        value, key = values.get(name, usual[name]), f"{at}.{name}"
        if k.kind == "pick":
            st.session_state[key] = value["name"]
            _set(k.table()[value["name"]], f"{key}.{value['name']}", value)
        elif k.kind == "several":
            _set_all(k, key, value)
        else:
            st.session_state[key] = _shown(k, value)


def _set_all(k: Knob, key: str, items: Sequence[Mapping[str, Any]]) -> None:
    st.session_state[key] = len(items)
    for i, item in enumerate(items):
        st.session_state[f"{key}.{i}"] = item["name"]
        _set(k.table()[item["name"]], f"{key}.{i}.{item['name']}", item)


def read(cls: type, at: str, names: Iterable[str] = ()) -> dict[str, Any]:
    """A spec's fields (or `names` of them) as the widgets below `at` have them, as JSON has it: for `decode` to
    check."""
    known = knobs(cls)
    return {name: _value(cls, name, known[name], f"{at}.{name}") for name in names or known}


def _value(cls: type, name: str, k: Knob, key: str) -> Any:
    if k.kind == "pick":
        chosen = _chosen(k, key, getattr(cls(), name))
        return {"name": chosen} | read(k.table()[chosen], f"{key}.{chosen}")
    if k.kind == "several":
        return [_item(k, f"{key}.{i}") for i in range(st.session_state.get(key, 0))]
    value = st.session_state.get(key, getattr(cls(), name))
    return _numbers(value) if k.kind == "series" else value


def _item(k: Knob, key: str) -> dict[str, Any]:
    chosen = _chosen(k, key)
    return {"name": chosen} | read(k.table()[chosen], f"{key}.{chosen}")


def _chosen(k: Knob, key: str, usual: Any = None) -> str:
    """The name of the class picked under a key, the usual one's until there is a choice."""
    kept = str(st.session_state.get(key))
    return kept if kept in k.table() else type(usual).__name__ if usual else next(iter(k.table()))


class Cell(NamedTuple):
    """The place of one field: its class, and where that one's fields stand."""

    cls: type
    at: str
    name: str

    @property
    def key(self) -> str:
        return f"{self.at}.{self.name}"

    @property
    def knob(self) -> Knob:
        return knobs(self.cls)[self.name]


def picked(cell: Cell) -> type:
    """The class that is picked in a cell."""
    return cell.knob.table()[_chosen(cell.knob, cell.key, getattr(cell.cls(), cell.name))]


def below(cell: Cell) -> list[Cell]:
    """The fields of the class that is picked in a cell."""
    chosen = picked(cell)
    return [Cell(chosen, f"{cell.key}.{chosen.__name__}", name) for name in knobs(chosen)]


def first(cell: Cell) -> list[Cell]:
    """The first field of the class that is picked in a cell; where it picks a class too, also that one's first."""
    return [one for head in below(cell)[:1] for one in (head, *(first(head) if head.knob.kind == "pick" else ()))]


def everything(cells: Iterable[Cell]) -> list[Cell]:
    """The cells, and those of all that is picked in them."""
    return [one for cell in cells for one in (cell, *(everything(below(cell)) if cell.knob.kind == "pick" else ()))]


def told(cells: Iterable[Cell]) -> list[str]:
    """What is set in these cells otherwise than usual, in words."""
    found = []
    for cell in cells:
        value, usual = (each[cell.name] for each in (read(cell.cls, cell.at, [cell.name]), encode(cell.cls())))
        name = cell.knob.label[0].lower() + cell.knob.label[1:]
        if cell.knob.kind == "pick" and value["name"] != usual["name"]:
            found.append(f"{name} {title(value['name']).lower()}")
        elif cell.knob.kind not in NESTED and value != usual:
            found.append(f"{name} off" if value is False else setting(name, value))
    return found


def part(
    cls: type,
    name: str,
    at: str,
    columns: int = 2,
    options: Sequence[str] = (),
    usual: Any = None,
    drawn: Container[str] = (),
) -> dict[str, Any]:
    """A choice among a pick field's classes (or `options` of them), then the chosen one's fields, those that it
    picks among them."""
    cell = Cell(cls, at, name)
    chosen = choose(cell, options, usual) if cell.key not in drawn else picked(cell)
    if cell.key in drawn and any(one.key not in drawn for one in below(cell)):
        st.caption(f"**{title(chosen.__name__)}** {getattr(chosen, 'formula', '')}")
    return {"name": chosen.__name__} | grid(chosen, f"{cell.key}.{chosen.__name__}", columns=columns, drawn=drawn)


def choose(cell: Cell, options: Sequence[str] = (), usual: Any = None) -> type:
    """The class picked of a field's table."""
    k = cell.knob
    names = [name for name in k.table() if not options or name in options]
    chosen = _chosen(k, cell.key, usual or getattr(cell.cls(), cell.name))
    chosen = chosen if chosen in names else names[0]
    if st.session_state.get(cell.key) != chosen:
        st.session_state[cell.key] = chosen
    return k.table()[
        st.selectbox(k.label, names, format_func=title, key=cell.key, help=_help(k, chosen), persist_state="session")
    ]


def row(cells: Sequence[Cell], columns: int = 2, reasons: Reasons | None = None) -> None:
    """The widgets of a few cells side by side; where a class is picked, only the choice."""
    for column, cell in zip(st.columns(columns, vertical_alignment="bottom"), cells, strict=False):
        with column:
            if cell.knob.kind == "pick":
                choose(cell)
            else:
                field(cell.cls, cell.name, cell.key, (reasons or {}).get(cell.name) or _moot(cell))


def grid(
    cls: type,
    at: str,
    names: Sequence[str] = (),
    columns: int = 2,
    reasons: Reasons | None = None,
    drawn: Container[str] = (),
) -> dict[str, Any]:
    """Widgets for a spec class's fields, or for `names` of them, in rows, but for keys that are `drawn` already;
    what is picked comes below. Their values."""
    cells = [Cell(cls, at, name) for name in names or knobs(cls)]
    plain = [cell for cell in cells if cell.knob.kind not in NESTED and cell.key not in drawn]
    for start in range(0, len(plain), columns):
        row(plain[start : start + columns], columns, reasons)
    for cell in cells:
        if cell.knob.kind == "pick":
            part(cls, cell.name, at, columns, drawn=drawn)
        elif cell.knob.kind == "several" and cell.key not in drawn:
            several(cls, cell.name, at, columns)
    return read(cls, at, names)


def _moot(cell: Cell) -> str:
    """Why a field changes nothing as things are, if it does not."""
    other, value, reason = MOOT.get(cell.name, ("", None, ""))
    return reason if other in knobs(cell.cls) and read(cell.cls, cell.at, [other])[other] == value else ""


def field(cls: type, name: str, key: str, reason: str = "") -> Any:
    """The widget of one field that picks nothing."""
    k = knobs(cls)[name]
    if key not in st.session_state:
        st.session_state[key] = _shown(k, getattr(cls(), name))
    common: dict[str, Any] = {
        "key": key,
        "help": reason or k.help or None,
        "disabled": bool(reason),
        "persist_state": "session",
    }
    if k.kind == "flag":
        return st.checkbox(k.label, **common)
    if k.kind == "choice":
        return st.selectbox(k.label, k.options, **common)
    if k.kind in ("series", "text"):
        return st.text_input(k.label, max_chars=k.longest if k.kind == "text" else None, **common)
    if k.kind == "integer":
        return st.number_input(k.label, int(k.low), int(k.high), step=1, **common)
    return st.number_input(
        k.label, float(k.low), float(k.high), step=_step(k, getattr(cls(), name)), format="%.6g", **common
    )


def several(cls: type, name: str, at: str, columns: int = 2, fresh: Callable[[], Mapping[str, Any]] = dict) -> None:
    """The specs of a field that holds several, each with a button that removes it, and one that adds another: the
    defaults, but for what `fresh()` says."""
    k, key = knobs(cls)[name], f"{at}.{name}"
    count = st.session_state.setdefault(key, 0)
    for i in range(count):
        with st.container(border=True, gap="xsmall"):
            chosen = _chosen(k, f"{key}.{i}")
            _compact([Cell(k.table()[chosen], f"{key}.{i}.{chosen}", one) for one in knobs(k.table()[chosen])], columns)
            st.button(
                "Remove",
                key=f"{key}.{i}:remove",
                on_click=_remove,
                args=(k, key, i),
                width="stretch",
                help=f"{title(chosen)} {i + 1} of {count}",
            )
    full = f"There are {k.longest}, as many as can be." if count >= k.longest else ""
    for one, item in k.table().items():
        common: dict[str, Any] = {
            "width": "stretch",
            "disabled": bool(full),
            "help": full or (item.__doc__ or "").splitlines()[0],
        }
        st.button(
            f"Add a {title(one).lower()}", key=f"{key}:add {one}", on_click=_add, args=(k, key, one, fresh), **common
        )


def _compact(cells: Sequence[Cell], columns: int) -> None:
    """All of a spec: what is picked first with that one's first field, then the plain fields, then the rest of what
    is picked."""
    heads = [cells[0], *first(cells[0])] if cells[0].knob.kind == "pick" else []
    for cell in heads:
        if cell.knob.kind == "pick":
            row([cell], 1)
    plain = [cell for cell in (*heads, *cells) if cell.knob.kind not in NESTED]
    for start in range(0, len(plain), columns):
        row(plain[start : start + columns], columns)
    grid(cells[0].cls, cells[0].at, columns=columns, drawn={cell.key for cell in (*heads, *plain)})


def _add(k: Knob, key: str, one: str, fresh: Callable[[], Mapping[str, Any]]) -> None:
    _set_all(k, key, [*_items(k, key), {"name": one} | dict(fresh())])


def _remove(k: Knob, key: str, which: int) -> None:
    _set_all(k, key, [item for i, item in enumerate(_items(k, key)) if i != which])


def _items(k: Knob, key: str) -> list[dict[str, Any]]:
    return [_item(k, f"{key}.{i}") for i in range(st.session_state[key])]


def _shown(k: Knob, value: Any) -> Any:
    return (
        ", ".join(repr(v).removesuffix(".0") for v in value)
        if k.kind == "series" and not isinstance(value, str)
        else value
    )


def _numbers(text: Any) -> Any:
    """The numbers of a comma-separated list, or the text itself, for `decode` to refuse by the field's name."""
    try:
        return [float(part) for part in text.split(",")] if isinstance(text, str) else list(text)
    except ValueError:
        return text


def _step(k: Knob, value: float) -> float:
    """What a click on plus or minus changes: a power of ten below half the default."""
    return (
        10.0 ** math.floor(math.log10(value / 2))
        if value > 0 and k.log
        else 10.0 ** math.floor(math.log10((k.high - k.low) / 50))
    )


def _help(k: Knob, chosen: str) -> str:
    """The field's help, then each class with its docstring's first line and its formula, the chosen one first."""
    table = {chosen: k.table()[chosen]} | dict(k.table())
    lines = [
        f"**{title(name)}**: {(cls.__doc__ or '').strip().splitlines()[0]} {getattr(cls, 'formula', '')}"
        for name, cls in table.items()
    ]
    return "\n\n".join([k.help, *lines] if k.help else lines)
