"""Controls: widgets made from the knobs in a spec's fields, nested where a field holds specs; their values are kept
for the session, in cells."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import streamlit as st

from engine.figures import escape, formulas
from engine.figures.words import title
from engine.spec import Choice, Flag, Integer, Knob, Number, Pick, Series, Several, Word, knobs
from pages.ui import sliders
from pages.ui.cells import Cell, PickCell, PlainCell, SeveralCell, cell, cells, everything, fill, leading, read

__all__ = ["choose", "everything", "fill", "grid", "leading", "part", "read", "row", "several"]

Reasons = Mapping[str, str]
"""Why a field cannot apply now, by the field's name: its control is disabled and says so."""

MOOT = {
    "nesterov": ("momentum", 0.0, "Does not apply: there is no momentum."),
    "decoupled": ("decay", 0.0, "Does not apply: there is no weight decay."),
    "eta": ("scale", "layerwise", "Does not apply to layerwise sizes."),
}
"""Fields that change nothing while another field of the same spec has this value."""


def part(
    cls: type, name: str, prefix: str, columns: int = 2, options: Sequence[str] = (), usual: Any = None
) -> dict[str, Any]:
    """A choice among a pick field's classes (or `options` of them), then the chosen one's fields, those that it
    picks among them; their values."""
    place = cell(cls, prefix, name)
    chosen = choose(place, options, usual)
    return {"name": chosen.__name__} | grid(chosen, f"{place.key}.{chosen.__name__}", columns=columns)


def choose(place: PickCell, options: Sequence[str] = (), usual: Any = None) -> type:
    """The class picked of a field's table."""
    k, table = place.knob, place.knob.table()
    names = [name for name in table if not options or name in options]
    chosen = place.picked(usual).__name__
    chosen = chosen if chosen in names else names[0]
    if st.session_state.get(place.key) != chosen:
        st.session_state[place.key] = chosen
    return table[
        st.selectbox(k.label, names, format_func=title, key=place.key, help=_help(k, chosen), persist_state="session")
    ]


def row(
    places: Sequence[Cell[Any]], columns: int = 2, reasons: Reasons | None = None, slid: Container[str] = ()
) -> None:
    """The widgets of a few cells side by side; where a class is picked, only the choice; below the numbers of the
    names `slid`, their sliders."""
    for column, place in zip(st.columns(columns, vertical_alignment="bottom"), places, strict=False):
        with column:
            reason = (reasons or {}).get(place.name) or _moot(place)
            WIDGETS[type(place.knob)](place, reason)
            if place.name in slid:
                sliders.below(place, bool(reason))


def grid(
    cls: type,
    prefix: str,
    names: Sequence[str] = (),
    columns: int = 2,
    reasons: Reasons | None = None,
    shown: Container[str] = (),
) -> dict[str, Any]:
    """Widgets for a spec class's fields, or for `names` of them, in rows, but for keys that are `shown` already;
    what is picked comes below. Their values."""
    places = cells(cls, prefix, names)
    plain = [place for place in places if not place.knob.nested and place.key not in shown]
    for start in range(0, len(plain), columns):
        row(plain[start : start + columns], columns, reasons)
    for place in places:
        if place.knob.nested:
            NESTED[type(place.knob)](place, columns, shown)
    return read(cls, prefix, names)


def _picked(place: PickCell, columns: int, shown: Container[str]) -> None:
    """A choice of a class and the chosen one's fields, or what of these is not shown yet under its name."""
    if place.key not in shown:
        choose(place)
    elif any(inner.key not in shown for inner in place.inner()):
        picked = place.picked()
        formula = getattr(picked, "formula", "")
        st.caption(f"**{escape.markdown(title(picked.__name__))}** {formulas.sentence(formula)}")
    chosen = place.picked()
    grid(chosen, f"{place.key}.{chosen.__name__}", columns=columns, shown=shown)


def _listed(place: SeveralCell, columns: int, shown: Container[str]) -> None:
    """Several specs, unless they are shown already."""
    if place.key not in shown:
        several(place.cls, place.name, place.prefix, columns)


NESTED: Mapping[type[Knob], Callable[[Any, int, Container[str]], None]] = {Pick: _picked, Several: _listed}
"""What stands below the plain fields, by the kind of field that holds specs."""


def _moot(place: Cell[Any]) -> str:
    """Why a field changes nothing as things are, if it does not."""
    other, value, reason = MOOT.get(place.name, ("", None, ""))
    return reason if other in knobs(place.cls) and cell(place.cls, place.prefix, other).read() == value else ""


def _checkbox(k: Flag, usual: bool, **common: Any) -> None:
    st.checkbox(k.label, **common)


def _menu(k: Choice, usual: str, **common: Any) -> None:
    st.selectbox(k.label, k.options, **common)


def _text(k: Word, usual: str, **common: Any) -> None:
    st.text_input(k.label, max_chars=k.longest, **common)


def _series(k: Series, usual: Sequence[float], **common: Any) -> None:
    st.text_input(k.label, **common)


# Without bounds: a browser keeps a number beyond them to itself, and the page would go on with the one before it.
def _integer(k: Integer, usual: int, **common: Any) -> None:
    # of floats, for a browser reads 1e3 in a field of whole numbers as 1; the spec says which are none
    st.number_input(k.label, step=1.0, format="%.16g", **common)


def _number(k: Number, usual: float, **common: Any) -> None:
    st.number_input(k.label, step=_step(k, usual), format="%.6g", **common)


def _plain(widget: Callable[..., None]) -> Callable[[PlainCell, str], None]:
    """The widget of a plain field, set to the field's value; disabled where there is a reason."""

    def draw(place: PlainCell, reason: str) -> None:
        if place.key not in st.session_state:
            place.fill(place.read())
        more = {"key": place.key, "help": reason or place.knob.help or None, "disabled": bool(reason)}
        widget(place.knob, place.usual, persist_state="session", **more)

    return draw


WIDGETS: Mapping[type[Knob], Callable[[Any, str], Any]] = {
    Flag: _plain(_checkbox),
    Choice: _plain(_menu),
    Word: _plain(_text),
    Series: _plain(_series),
    Integer: _plain(_integer),
    Number: _plain(_number),
    Pick: lambda place, reason: choose(place),
}
"""How each kind of field is drawn in a row, given its cell and the reason why it cannot apply."""


def several(cls: type, name: str, prefix: str, columns: int = 2, fresh: Callable[[], Mapping[str, Any]] = dict) -> None:
    """The specs of a field that holds several, each with a button that removes it, and one that adds another: the
    defaults, but for what `fresh()` says."""
    place: SeveralCell = cell(cls, prefix, name)
    key, k, count = place.key, place.knob, st.session_state.setdefault(place.key, 0)
    for i in range(count):
        with st.container(border=True, gap="xsmall"):
            chosen = place.picked(i)
            _compact(cells(chosen, f"{key}.{i}.{chosen.__name__}"), columns)
            which = f"{title(chosen.__name__)} {i + 1} of {count}"
            remove: dict[str, Any] = {"on_click": _remove, "args": (place, i), "help": which}
            st.button("Remove", key=f"{key}.{i}:remove", width="stretch", **remove)
    full = f"There are {k.longest}, as many as can be." if count >= k.longest else ""
    for kind, item in k.table().items():
        about = full or _first(item)
        add: dict[str, Any] = {"on_click": _add, "args": (place, kind, fresh), "help": about, "disabled": bool(full)}
        st.button(f"Add a {title(kind).lower()}", key=f"{key}:add {kind}", width="stretch", **add)


def _compact(places: Sequence[Cell[Any]], columns: int) -> None:
    """All of a spec: what is picked first with that one's first field, then the plain fields, then the rest of what
    is picked."""
    heads = [found for found in (places[0], *leading(places[0])) if places[0].knob.nested]
    for place in heads:
        if place.knob.nested:
            row([place], 1)
    plain = [place for place in (*heads, *places) if not place.knob.nested]
    for start in range(0, len(plain), columns):
        row(plain[start : start + columns], columns)
    shown = {place.key for place in (*heads, *plain)}
    grid(places[0].cls, places[0].prefix, columns=columns, shown=shown)


def _add(place: SeveralCell, kind: str, fresh: Callable[[], Mapping[str, Any]]) -> None:
    place.fill([*place.read(), {"name": kind} | dict(fresh())])


def _remove(place: SeveralCell, which: int) -> None:
    place.fill([item for i, item in enumerate(place.read()) if i != which])


def _step(k: Number, value: float) -> float:
    """What a click on plus or minus changes: a power of ten below half the default."""
    size = value / 2 if value > 0 and k.log else (k.high - k.low) / 50
    return 10.0 ** math.floor(math.log10(size))


def _first(cls: type) -> str:
    """The first sentence of what a class says of itself."""
    return re.split(r"(?<=\.)\s", " ".join((cls.__doc__ or "").split()))[0]


def _help(k: Pick, chosen: str) -> str:
    """The field's help, then each class with its docstring's first line and its formula, the chosen one first."""
    table = {chosen: k.table()[chosen]} | dict(k.table())
    lines = [
        f"**{title(name)}**: {_first(cls)} {formulas.sentence(getattr(cls, 'formula', ''))}"
        for name, cls in table.items()
    ]
    return "\n\n".join([k.help, *lines] if k.help else lines)
