"""What a browser gets before any page, and the files that every page needs."""

from __future__ import annotations

import asyncio
import gzip

import plotly
import pytest
import uvicorn

from pages.ui import front

BROWSER = {"accept": "text/html,application/xhtml+xml", "accept-encoding": "gzip, br"}
INDEX = next((front.STATIC / "static" / "js").glob("index.*.js"))
FONT = next((front.STATIC / "static" / "media").glob("*.woff2"))


def asked(path: str, headers=BROWSER, kind: str = "http", method: str = "GET") -> tuple[bytes, dict[str, str]]:
    """What is answered to a request, and its headers; b"passed on", without any, where Streamlit is to answer."""
    body, heard = bytearray(), dict[str, str]()

    async def app(scope, receive, send) -> None:
        body.extend(b"passed on")

    async def send(message) -> None:
        body.extend(message.get("body", b""))
        heard.update({name.decode(): value.decode() for name, value in message.get("headers", [])})

    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "method": method, "path": path, "headers": encoded}
    asyncio.run(front.Front(app)(scope, None, send))  # type: ignore[arg-type]  # nothing is received
    return bytes(body), heard


@pytest.fixture
def settings(monkeypatch):
    """Chosen by the test, and read anew after it."""
    front._most.cache_clear()
    yield lambda **given: [monkeypatch.setenv(f"RAVINE_{name.upper()}", value) for name, value in given.items()]
    front._most.cache_clear()


def seen_by_a_second(path: str = "/") -> tuple[list[int], int, int]:
    """What is sent to a second session while a first is open, and how a page is answered meanwhile and afterwards."""
    sent, statuses = [], []

    async def visit() -> None:
        leave = asyncio.Event()

        async def app(scope, receive, send) -> None:
            await leave.wait()

        async def send(message) -> None:
            sent.extend([message["code"]] if message["type"] == "websocket.close" else [])
            statuses.extend([message["status"]] if "status" in message else [])

        served = front.Front(app)  # type: ignore[arg-type]
        socket = {"type": "websocket", "method": "GET", "path": "/_stcore/stream", "headers": []}
        page = socket | {"type": "http", "path": path, "headers": [(b"accept", b"text/html")]}
        first = asyncio.create_task(served(socket, None, send))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        second = asyncio.create_task(served(socket, None, send))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        await served(page, None, send)  # type: ignore[arg-type]
        leave.set()
        await asyncio.gather(first, second)
        await served(page, None, send)  # type: ignore[arg-type]

    asyncio.run(visit())
    return sent, statuses[0], statuses[1]


def test_a_public_server_lets_in_as_many_as_it_may(settings):
    """Finds a server that strangers bring down with sockets alone, and one that is full for good."""
    settings(public="1", sessions="1")
    assert seen_by_a_second() == ([1013], 503, 200)
    assert front.FULL in front.refusal() and "<script" not in front.refusal()


@pytest.mark.parametrize("given", [{"sessions": "1"}, {"public": "1", "sessions": "0"}, {"public": "1"}])
def test_else_nobody_is_refused(settings, given):
    """Finds a class that is shut out of a server of its own, and a limit where none was asked for."""
    settings(**given)
    assert seen_by_a_second() == ([], 200, 200)


def test_the_document_is_streamlit_s_with_our_opening():
    """Finds a release of Streamlit in whose document there is nothing to put it in, or with modules of other names."""
    document = front.document()
    assert "<title>Ravine</title>" in document and "<title>Streamlit" not in document
    assert document.count(front.SERVER) == 1 and document.index(front.SERVER) < document.index('<script type="module"')
    assert '<div id="root"><div class="opening"' in document
    links = document.partition(front.SERVER)[2].split('<link rel="modulepreload" crossorigin href="./')[1:]
    named = [link.partition('"')[0] for link in links]
    assert len(set(named)) == len(named) and all((front.STATIC / name).is_file() for name in named)
    assert all(sum(f"js/{module}." in name for name in named) == 1 for module in front.EARLY)


@pytest.mark.parametrize("path", ["/", "/landscape", "/nosuchpage"])
def test_browsers_get_it_for_every_page(path):
    body, headers = asked(path)
    assert body.decode() == front.document()
    assert headers["cache-control"] == "no-cache" and headers["content-type"].startswith("text/html")


def test_below_a_path_of_its_own_it_is_found(monkeypatch):
    """As behind a proxy that serves others, too: the page would have no plots."""
    monkeypatch.setattr(front, "get_option", {"server.baseUrlPath": "ravine/"}.get)
    assert asked(f"/ravine/{front.SCRIPT}", {})[0] == front.PLOTLY.read_bytes()
    assert asked("/ravine/landscape")[0].decode() == front.document()


@pytest.mark.parametrize(
    ("path", "file"),
    [
        (f"/static/js/{INDEX.name}", INDEX),
        (f"/static/media/{FONT.name}", FONT),
        (f"/plotly-{plotly.__version__}.min.js", front.PLOTLY),
    ],
)
def test_files_are_those_that_are_installed(path, file):
    """Finds another file's bytes, some that are compressed for who cannot read them, and some that may not be kept."""
    small, headers = asked(path)
    whole, _ = asked(path, {})
    assert whole == file.read_bytes() and "immutable" in headers["cache-control"]
    assert ("content-encoding" in headers) == (file.suffix == ".js")
    assert (gzip.decompress(small) if file.suffix == ".js" else small) == whole


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/favicon.png", {}),
        ("/_stcore/health", {}),
        ("/static/js/nosuchfile.js", {}),
        ("/static/../index.html", {}),
        ("/landscape", {"headers": {"accept": "*/*"}}),
        ("/landscape", {"method": "HEAD"}),
        ("/", {"kind": "websocket"}),
    ],
)
def test_all_else_is_streamlit_s_to_answer(path, options):
    """Finds a call that is answered with the document, and a file that nobody was to have."""
    assert asked(path, **options) == (b"passed on", {})


def test_the_server_runs_on_uvloop():
    """Finds a server whose small answers wait, up to 40 ms, until the browser has acknowledged those before: asyncio's
    own loop leaves Streamlit's sockets so."""
    factory = uvicorn.Config("app:app").get_loop_factory()
    assert factory and factory.__module__.startswith("uvloop")
