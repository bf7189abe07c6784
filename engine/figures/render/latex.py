"""LaTeX of a figure: the environment that includes its file, with its caption and a label to refer to."""

from __future__ import annotations

from engine.figures import escape
from engine.figures.drawing import Drawing
from engine.figures.parallel import Parallel


def float_of(words: str, source: str, file: str) -> str:
    """The figure environment of the file of a name, without its ending and in ASCII as `escape.file` makes it; needs
    graphicx. The picture has its own width, so that its text keeps its size. `words` are the caption, `source` the
    digests of the specs behind it, which stand in a comment."""
    return "\n".join(
        (
            f"% {escape.line(source) or 'no source'}",
            r"\begin{figure}",
            r"  \centering",
            rf"  \includegraphics{{{file}.pdf}}",
            rf"  \caption{{{escape.latex(words)}}}",
            rf"  \label{{fig:{file}}}",
            r"\end{figure}",
            "",
        )
    )


def environment(drawing: Drawing | Parallel, file: str) -> str:
    """The figure environment of a drawing whose file has this name."""
    return float_of(drawing.words, drawing.source, file)
