"""Solids: a library that reads the files finds the map's heights, its colours, its holes and its values."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import pytest
import trimesh

from engine.figures.drawing import Map
from engine.figures.render import solid
from engine.figures.theme import VIRIDIS
from tests.drawn import a_map


def holed() -> Map:
    """A map of which one inner value is not finite, and others are beyond the colours."""
    drawing = a_map("loss/full")
    z = drawing.z.copy()
    z[3, 4] = np.nan
    return replace(drawing, z=z, limits=(drawing.limits[0], float(np.nanquantile(z, 0.9))))


def read(drawing: Map, form: str, folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points [V, 3] with up as z, triangles [F, 3] and colours [V, 3] of 0 to 255 of a file."""
    data = solid.export(drawing, form)
    if form == "vtk":
        path = folder / "ground.vtk"
        path.write_bytes(data)
        found: Any = meshio.read(path)
        return found.points, found.cells_dict["triangle"], found.point_data["colour"]
    mesh: Any = trimesh.load(io.BytesIO(data), file_type=form, process=False, force="mesh")
    points = np.array(mesh.vertices)
    points = points[:, [0, 2, 1]] * (1, -1, 1) if form == "glb" else points
    return points, mesh.faces, mesh.visual.vertex_colors[:, :3]


@pytest.mark.parametrize("form", solid.FORMATS)
def test_a_file_has_the_maps_heights_and_colours(form: str, tmp_path: Path):
    """Each of the map's finite values once, at its place; the lowest has the scale's first colour, the highest its
    last; all triangles look up."""
    drawing = holed()
    points, triangles, colours = read(drawing, form, tmp_path)
    low, high = drawing.range
    tall = 0.5 * max(np.ptp(drawing.a), np.ptp(drawing.b))
    want = [
        (a, b, (np.clip(drawing.z[i, j], low, high) - low) / (high - low) * tall)
        for i, b in enumerate(drawing.b)
        for j, a in enumerate(drawing.a)
        if np.isfinite(drawing.z[i, j])
    ]
    np.testing.assert_allclose(
        points[np.lexsort(points[:, 1::-1].T)], np.array(want)[np.lexsort(np.array(want)[:, 1::-1].T)], atol=1e-6
    )
    across = np.cross(
        points[triangles[:, 1]] - points[triangles[:, 0]], points[triangles[:, 2]] - points[triangles[:, 0]]
    )
    assert (across[:, 2] > 0).all()
    cell = (drawing.a[1] - drawing.a[0]) * (drawing.b[1] - drawing.b[0])
    assert across[:, 2].sum() / 2 == pytest.approx(
        np.ptp(drawing.a) * np.ptp(drawing.b) - 3 * cell
    )  # six triangles less
    ends = [points[:, 2].argmin(), points[:, 2].argmax()]
    rgb = [[int(VIRIDIS[end][k : k + 2], 16) for k in (1, 3, 5)] for end in (0, -1)]
    np.testing.assert_allclose(colours[ends].astype(int), rgb, atol=1)


def test_a_vtk_file_has_the_values_as_computed(tmp_path: Path):
    """Those beyond the colours too; and each file says in one line how high the height is."""
    drawing = holed()
    data = solid.export(drawing, "vtk")
    (tmp_path / "ground.vtk").write_bytes(data)
    values = meshio.read(tmp_path / "ground.vtk").point_data["value"]
    np.testing.assert_array_equal(np.sort(values), np.sort(drawing.z[np.isfinite(drawing.z)]))
    assert data.split(b"\n")[1].startswith(b"cross-entropy loss (nats) over x = ")
    assert solid.export(drawing, "obj").decode().splitlines()[0] == f"# {solid.about(drawing)}"
    assert b"height 0 is" in solid.export(drawing, "glb")


@pytest.mark.parametrize("form", solid.FORMATS)
def test_a_map_without_a_value_is_a_file_without_a_triangle(form: str):
    drawing = a_map("loss/full")
    assert len(solid.ground(replace(drawing, z=drawing.z * np.nan)).triangles) == 0
    assert solid.export(replace(drawing, a=np.zeros(0), b=np.zeros(0), z=np.zeros((0, 0))), form)
