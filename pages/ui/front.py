"""What a browser gets before any page: Streamlit's own document, with our name to see until its scripts have run, and
the files that it names, from memory."""

from __future__ import annotations

import gzip
import mimetypes
import re
from functools import cache
from importlib.metadata import version
from pathlib import Path

import plotly
import streamlit
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose
from streamlit.config import get_option

from engine.work import settings

ROOT = Path(__file__).resolve().parent.parent.parent
STATIC = Path(streamlit.__file__).parent / "static"
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
SCRIPT = f"plotly-{version('plotly')}.min.js"
"""Where a page finds Plotly's script, beside its own address."""
WORDS = (".js", ".css")
"""What files end with that are worth compressing."""
PAGE = re.compile(r"/[a-z]*")
"""Paths of pages; all else that a browser asks for has a dot or a folder in its path."""
SERVER = "window.__streamlit = { BACKEND_BASE_URL: new URL('./', location.href).href };"
"""Where Streamlit's scripts find the server: beside the page, as its files are. They would try below the page first."""
EARLY = ("Selectbox", "NumberInput", "Slider", "ButtonGroup", "BidiComponent", "Html", "ArrowVegaLiteChart")
"""Streamlit's modules that a page with controls and charts imports, one after the other, once it knows that it has
some."""
IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*["']\./([\w.-]+\.js)["']""")
STYLE = """
  :root { color-scheme: light dark; }
  .opening svg { position: fixed; top: 12px; left: 28px; height: 28px; }
  .opening p { font: 15px system-ui, sans-serif; opacity: 0.75; margin: 40vh 1rem; text-align: center; }
  @media (max-width: 768px) { .opening svg { left: 14px; } }
"""
OPENING = "Loss landscapes under sharpness-aware training: the page is on its way."
FULL = "This server is full: as many people look at it as it lets in. The page asks again every minute."
FOREVER = {"Cache-Control": "public, immutable, max-age=31536000"}
"""For files whose names change with what is in them."""


class Front:
    """Answers browsers that ask for a page or for one of the files that every page needs, and lets in as many sessions
    as the settings allow; to be put before Streamlit's own server, which takes ten times as long for a file and
    compresses none: a page has some two hundred."""

    def __init__(self, app: ASGIApp):
        self.app = app
        base = str(get_option("server.baseUrlPath")).strip("/")
        self.base = f"/{base}" if base else ""
        self.sessions = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on whatever else there is."""
        if scope["type"] == "websocket":
            return await self._session(scope, receive, send)
        if scope["type"] == "http" and scope["method"] == "GET":
            headers, wanted = dict(scope["headers"]), scope["path"].removeprefix(self.base)
            if PAGE.fullmatch(wanted) and b"text/html" in headers.get(b"accept", b""):
                return await self._page()(scope, receive, send)
            if path := _files().get(wanted):
                return await _answer(path, b"gzip" in headers.get(b"accept-encoding", b""))(scope, receive, send)
        await self.app(scope, receive, send)

    def _page(self) -> Response:
        if self._full():
            return HTMLResponse(refusal(), 503, {"Cache-Control": "no-store", "Retry-After": "60"})
        return HTMLResponse(document(), headers={"Cache-Control": "no-cache"})

    async def _session(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A session is a socket, counted while it is open; one too many is refused."""
        if self._full():
            return await WebSocketClose(1013)(scope, receive, send)
        self.sessions += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.sessions -= 1

    def _full(self) -> bool:
        return 0 < _most() <= self.sessions


@cache
def _most() -> int:
    """Sessions that may be open at once, 0 for any number; of settings that cannot be read the page tells."""
    chosen = settings.Settings() if settings.fault() else settings.read()
    return chosen.sessions if chosen.public else 0


@cache
def document() -> str:
    """Streamlit's document with our title and opening picture."""
    opening = f'<div id="root">{_opening(OPENING)}</div>'
    head = f"<title>Ravine</title><style>{STYLE}</style><script>{SERVER}</script>"
    text = (STATIC / "index.html").read_text()
    text = text.replace("<title>Streamlit</title>", head).replace('<div id="root"></div>', opening)
    links = [f'<link rel="modulepreload" crossorigin href="./static/js/{name}">' for name in _early(text)]
    return text.replace("</head>", "\n".join(links) + "</head>")


@cache
def refusal() -> str:
    """What there is to see where no more sessions are let in."""
    head = f'<meta charset="utf-8"><meta http-equiv="refresh" content="60"><title>Ravine</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{_opening(FULL)}</body></html>'


def _opening(words: str) -> str:
    logo = (ROOT / "assets" / "logo.svg").read_text()
    return f'<div class="opening">{logo}<p>{words}</p></div>'


def _early(text: str) -> list[str]:
    """The files of the modules to load early, with all that they import, but what the document names already."""
    scripts, found = STATIC / "static" / "js", dict[str, None]()
    waiting = [path.name for name in EARLY for path in scripts.glob(f"{name}.*.js")]
    while waiting:
        name = waiting.pop()
        if name not in found and f"js/{name}" not in text:
            found[name] = None
            waiting += IMPORT.findall((scripts / name).read_text())
    return [*found]


@cache
def _files() -> dict[str, Path]:
    """What is answered from memory, by its path."""
    hashed = {f"/{path.relative_to(STATIC).as_posix()}": path for path in (STATIC / "static").glob("*/*")}
    return hashed | {f"/{SCRIPT}": PLOTLY}


@cache
def _answer(path: Path, compressed: bool) -> Response:
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    body, headers = path.read_bytes(), FOREVER | {"Vary": "Accept-Encoding"}
    if compressed and path.suffix in WORDS:
        body, headers = gzip.compress(body, 6), headers | {"Content-Encoding": "gzip"}
    return Response(body, headers=headers, media_type=kind)
