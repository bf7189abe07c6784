"""Solids: a map's ground as a surface of coloured triangles, for slides, ParaView and printers."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from engine.figures import escape
from engine.figures.drawing import Map
from engine.figures.render.axes import colours
from engine.figures.theme import VIRIDIS
from engine.figures.words import number

FORMATS = ("obj", "glb", "vtk")
TALL = 0.5
"""The height of the ground, from the lowest to the highest colour, in its longer side."""


class Ground(NamedTuple):
    """A surface of triangles."""

    points: np.ndarray  # [V, 3]: along x, y and up; the plane's coordinates, and the height as `about` says
    triangles: np.ndarray  # [F, 3]: rows of points, counter-clockwise from above
    colours: np.ndarray  # [V, 4] of 0 to 255: red, green, blue, opacity
    values: np.ndarray  # [V]: the quantity as computed


def ground(drawing: Map) -> Ground:
    """The map's cells' values, joined by two triangles between any four; a value that is not finite leaves a hole."""
    low, high = drawing.range
    shares = (drawing.shown - low) / (high - low)
    x, y = np.meshgrid(drawing.a, drawing.b)
    points = np.stack([x, y, shares * TALL * _side(drawing)], axis=-1).reshape(-1, 3)
    names = np.arange(drawing.z.size).reshape(drawing.z.shape)
    corners = [part.ravel() for part in (names[:-1, :-1], names[:-1, 1:], names[1:, 1:], names[1:, :-1])]
    triangles = np.concatenate([np.stack([corners[k] for k in three], axis=1) for three in ((0, 1, 2), (0, 2, 3))])
    whole = triangles[np.isfinite(points[:, 2])[triangles].all(axis=1)]
    used, triangles = np.unique(whole, return_inverse=True)
    fills = colours(VIRIDIS)(shares.ravel()[used], bytes=True)
    return Ground(points[used], triangles.reshape(-1, 3), np.asarray(fills), drawing.z.ravel()[used])


def about(drawing: Map) -> str:
    """What the file is, in one line: the quantity, the scale of the height, the plane's axes and the specs' digests."""
    low, high = drawing.limits
    text = f"{drawing.z_label} over x = {drawing.x_label}, y = {drawing.y_label}; height 0 is {number(low)}, height "
    text += f"{number(TALL * _side(drawing))} is {number(high)}, values beyond are drawn as these; {drawing.source}"
    return escape.line(text)


def export(drawing: Map, form: str) -> bytes:
    """The bytes of an "obj", "glb" or "vtk" file. Up is z, but y in GLB, as its standard has it. OBJ and GLB carry the
    colours, VTK those and the values as computed."""
    made = ground(drawing)
    return _vtk(made, about(drawing)) if form == "vtk" else _coloured(made, form, about(drawing))


def _side(drawing: Map) -> float:
    """The longer side of the plane, in its units."""
    return max((float(np.ptp(axis)) for axis in (drawing.a, drawing.b) if axis.size), default=0.0)


def _coloured(made: Ground, form: str, words: str) -> bytes:
    from trimesh import Trimesh  # at the click: to load it takes longer than to load all other renderers

    points = made.points[:, [0, 2, 1]] * (1, 1, -1) if form == "glb" else made.points
    mesh = Trimesh(points, made.triangles, vertex_colors=made.colours, process=False, metadata={"about": words})
    more = {"header": words, "digits": 10} if form == "obj" else {}
    written = mesh.export(file_type=form, **more)
    return written if isinstance(written, bytes) else str(written).encode()


def _vtk(made: Ground, words: str) -> bytes:
    import meshio

    parts: dict[str, Any] = {"value": made.values, "colour": made.colours[:, :3]}
    mesh = meshio.Mesh(made.points, [("triangle", made.triangles)], point_data=parts)
    with TemporaryDirectory() as folder:  # its writer needs a file of the system's
        path = Path(folder) / "ground.vtk"
        mesh.write(path, file_format="vtk42")
        version, _, rest = path.read_bytes().split(b"\n", 2)
    return b"\n".join((version, words.encode("ascii", "replace")[:250], rest))
