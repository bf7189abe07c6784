"""Maps of cells on a page: a panel for each rule that answers to a click on a cell and to a box that is dragged, and
the colour scale that all of them share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import streamlit as st
import streamlit.components.v2 as components

from engine.figures import escape, words
from engine.figures.drawing import Tiles
from engine.figures.render import tiles
from pages.ui import cached, figures, front, scene, shell

WIDTH = 4
"""Panels in a row, at most."""
SCRIPT = (
    scene.LIBRARY
    + """
// The ticks of a box that was dragged: ours may lie outside of it, and Plotly's own would be parts of numbers.
const said = value => value >= 1e-4 && value < 1e6 ? value.toLocaleString('en', { maximumSignificantDigits: 4 })
  : value.toExponential(1);
function ticks({ type, range }) {
  if (type !== 'log') return { tickmode: 'auto' };
  const [low, high] = [...range].sort((a, b) => a - b), powers = [];
  for (let power = Math.floor(low); power <= high; power++) powers.push(power);
  const places = steps => powers.flatMap(power => steps.map(step => step * 10 ** power))
    .filter(value => Math.log10(value) >= low && Math.log10(value) <= high);
  const grids = [[1], [1, 3], [1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]].map(places);
  const fine = [0, 1, 2].map(i => 10 ** (low + (high - low) * (i + 0.5) / 3)).map(v => Number(v.toPrecision(2)));
  const found = grids.find(grid => grid.length > 1) ?? fine;
  const kept = found.filter((_, i) => i % Math.ceil(found.length / 4) === 0);
  return { tickmode: 'array', tickvals: kept, ticktext: kept.map(said) };
}
export default function ({ parentElement, data, setTriggerValue }) {
  const plot = place(parentElement, data.words);
  const { data: traces, layout } = JSON.parse(data.figure);
  library(data.script).then(plotly => plotly.react(plot, traces, { ...layout, uirevision: data.keep },
    { responsive: true, displaylogo: false, displayModeBar: false }).then(() => {
      plot.removeAllListeners('plotly_click');
      plot.removeAllListeners('plotly_relayout');
      plot.on('plotly_click', event => {
        const cell = event.points.find(point => Array.isArray(point.pointIndex));
        if (cell) setTriggerValue('cell', { row: cell.pointIndex[0], column: cell.pointIndex[1] });
      });
      plot.on('plotly_relayout', event => {
        if (!('xaxis.range[0]' in event || 'yaxis.range[0]' in event)) return;
        setTriggerValue('box', { x: plot.layout.xaxis.range, y: plot.layout.yaxis.range });
        const sides = { xaxis: ticks(plot.layout.xaxis), yaxis: ticks(plot.layout.yaxis) };
        const changes = Object.entries(sides).flatMap(([side, found]) =>
          Object.entries(found).map(([name, value]) => [`${side}.${name}`, value]));
        // what is said at the right is of the whole map
        plotly.relayout(plot, { ...Object.fromEntries(changes), 'annotations[0].visible': false });
      });
    }),
    () => { plot.textContent = 'The plotting script could not be loaded from this server.'; });
  return () => window.Plotly?.purge(plot);
}"""
)


class Touched(NamedTuple):
    """What somebody has done to a panel: a click on a cell (rule, row, column), or a box that was dragged, the ends of
    its sides in the axes' own values."""

    cell: tuple[int, int, int] | None = None
    box: tuple[tuple[float, float], tuple[float, float]] | None = None


HEIGHTS = {1: 480, 2: 420}
"""Pixels of few panels' height."""


def show(keep: str, version: Any, drawing: Tiles) -> Touched:
    """The panels in rows, their common scale above and the caption below; what was done to them, if anything."""
    legend(drawing)
    touched = Touched()
    count = len(drawing.panels)
    height = HEIGHTS.get(count, 340)
    columns = min(count, WIDTH if count in (1, 2, 4) else 3)
    for first in range(0, count, columns):
        for nth, column in zip(range(first, count), st.columns(columns, gap="small"), strict=False):
            with column:
                touched = _panel(keep, version, drawing, nth, height) or touched
    figures.caption(drawing)
    return touched


def legend(drawing: Tiles) -> None:
    """The colour scale, lying, with its ticks."""
    low, high = drawing.range
    places, names = drawing.ticks
    spots = ((f"{100 * (place - low) / (high - low):.1f}", name) for place, name in zip(places, names, strict=True))
    marks = escape.join("{}", (escape.html("<span style='left:{}%'>{}</span>", *spot) for spot in spots))
    bar = "<div class='scale'><b>{}</b><i style='background:linear-gradient(to right,{})'><span>{}</span></i>{}</div>"
    keys = escape.join("{}", (escape.html("<span class='key'>{}{}</span>", *key) for key in _keys(drawing)))
    shell.write(escape.html(bar, drawing.z_label, ",".join(tiles.colours_of(drawing)), marks, keys))


def _keys(drawing: Tiles) -> Iterator[tuple[escape.Html, str]]:
    """What else is drawn on the panels: its sign and its name."""
    panels = drawing.panels
    for level in drawing.levels:
        yield escape.html("<s>―</s>"), words.number(level)
    if any(panel.lost.any() for panel in panels):
        yield escape.html("<em></em>"), "lost"
    if any(panel.best for panel in panels):
        yield escape.html("<s>☆</s>"), "best"
    if any(panel.edge is not None for panel in panels):
        yield escape.html("<u></u>"), tiles.EDGE
    if any(panel.dots is not None and panel.dots.any() for panel in panels):
        yield escape.html("<s>•</s>"), "significant"


def _panel(keep: str, version: Any, drawing: Tiles, nth: int, height: int) -> Touched | None:
    dark = shell.dark()
    look = f"tile{nth}@{keep}/{drawing.name}/{drawing.levels}"
    figure = cached.drawn(look, version, dark, lambda: _json(drawing, nth, dark, height))
    component = components.component("ravine_tile", js=SCRIPT, isolate_styles=False)
    panel = drawing.panels[nth]
    words = f"{panel.title}: {drawing.title}. {panel.remark}"
    data = {"figure": figure, "keep": keep, "words": words, "script": front.SCRIPT}
    done = component(key=f"tile{nth}", data=data, height=height, on_cell_change=_nothing, on_box_change=_nothing)
    if cell := done.get("cell"):
        return Touched(cell=(nth, int(cell["row"]), int(cell["column"])))
    if box := done.get("box"):
        return Touched(box=(_ends(box["x"], drawing.log_a), _ends(box["y"], drawing.log_b)))
    return None


def _nothing() -> None:
    """A callback makes the event's value come back from the component."""


def _ends(pair: list[float], log: bool) -> tuple[float, float]:
    low, high = sorted(map(float, pair))
    return (10**low, 10**high) if log else (low, high)


def _json(drawing: Tiles, nth: int, dark: bool, height: int) -> str:
    return str(tiles.tile(drawing, nth, dark, height).to_json())
