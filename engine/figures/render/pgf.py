r"""Print for LaTeX: a figure as PGF, whose words the document that \input{}s it sets in its own fonts."""

from __future__ import annotations

import io
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_pgf import RendererPgf
from matplotlib.figure import Figure
from matplotlib.image import imsave

from engine.figures import escape
from engine.figures.render.folder import pack

PICTURE = r"""% {title}
% {source}
% \usepackage{{pgf,graphicx}}; \input{{{name}.pgf}} in the folder of these files
\begingroup%
\makeatletter%
\begin{{pgfpicture}}%
\pgfpathrectangle{{\pgfpointorigin}}{{\pgfqpoint{{{width:f}in}}{{{height:f}in}}}}%
\pgfusepath{{use as bounding box, clip}}%
{drawn}\end{{pgfpicture}}%
\makeatother%
\endgroup%
"""


def export(made: Figure, title: str, source: str, dots: int) -> bytes:
    """A ZIP of the picture, a .pgf named by the figure's title, and of the rasters in it, PNGs of so many dots to the
    inch."""
    name, (width, height) = escape.file(title), made.get_size_inches()
    made.set_dpi(dots)
    with matplotlib.rc_context({"pgf.rcfonts": False}):
        renderer = _Renderer(made, name)
        mixed: Any = MixedModeRenderer(made, width, height, dots, renderer)  # as Matplotlib has it: inches, and dots
        made.draw(mixed)
    about = {"title": escape.line(title), "source": escape.line(source), "name": name}
    text = PICTURE.format(**about, width=width, height=height, drawn=renderer.fh.getvalue())
    return pack([(f"{name}.pgf", text.encode()), *renderer.rasters.items()])


class _Renderer(RendererPgf):
    """Matplotlib's, but without a TeX, which that asks for the size of every word and for a command to include rasters;
    those it writes beside its own file, here they are kept."""

    def __init__(self, figure: Figure, name: str):
        super().__init__(figure, io.StringIO())
        self.name, self.rasters = name, dict[str, bytes]()

    def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> tuple[float, float, float]:
        """By the figure's own face: what is anchored stays where it is, whatever the document's is."""
        return RendererBase.get_text_width_height_descent(self, s, prop, ismath)

    def draw_text(
        self, gc: Any, x: Any, y: Any, s: str, prop: Any, angle: Any, ismath: Any = False, mtext: Any = None
    ) -> None:
        """Words, and signs as formulas."""
        super().draw_text(gc, x, y, escape.latex(s), prop, angle, ismath, mtext)

    def draw_image(self, gc: Any, x: Any, y: Any, im: Any, transform: Any = None) -> None:
        """A raster of its own size, or of that to which `transform` brings the unit square."""
        name, file = f"{self.name}-{len(self.rasters) + 1}.png", io.BytesIO()
        imsave(file, im, format="png", origin="lower")
        self.rasters[name] = file.getvalue()
        ends = [(0, 0), im.shape[1::-1]] if transform is None else transform.transform([(0, 0), (1, 1)])
        (left, low), (right, high) = np.add(ends, (x, y)) / self.dpi
        place, size = f"left,bottom,x={left:f}in,y={low:f}in", f"width={right - left:f}in,height={high - low:f}in"
        self.fh.write("\\begin{pgfscope}%\n")
        self._print_pgf_clip(gc)
        self.fh.write(f"\\pgftext[{place}]{{\\includegraphics[{size}]{{{name}}}}}%\n\\end{{pgfscope}}%\n")
