"""A browser session without the browser: it speaks Streamlit's websocket protocol and keeps the page's timers."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

AT_WORK = re.compile(r"<dt>Training loss</dt><dd>[0-9].*<dt>Steps/s</dt>")
"""What the strip of numbers says once there is a measurement, and as long as there are to be more."""


class Session:
    """One open tab. `seen` collects what it meets: answers, loaded, skipped, bytes, exceptions."""

    def __init__(self, port: int, query: str, seen: Any):
        self.url, self.query, self.seen = f"ws://127.0.0.1:{port}/_stcore/stream", query, seen
        self.page, self.buttons = "", dict[str, str]()
        self.pages: dict[str, str] = {}  # the hash of each page, by its place in the address
        self.loaded, self.asked = asyncio.Event(), None
        self.timers: dict[str, asyncio.Task[None]] = {}
        self.intervals: dict[str, float] = {}  # seconds, of each timer
        self.renewed: set[str] = set()  # timers that the run of the script under way has set
        self.shown, self.pressed = asyncio.Event(), False  # whether a measurement is on the page since a click

    async def __aenter__(self) -> Session:
        self.socket = await websockets.connect(
            self.url, subprotocols=[websockets.Subprotocol("streamlit")], max_size=None, ping_interval=None
        )
        await self._rerun()
        self.reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.reading.done():
            self.reading.result()  # what broke it, if anything did
        for task in (self.reading, *self.timers.values()):
            task.cancel()
        await self.socket.close()

    async def press(self, label: str) -> None:
        """Clicks the button of that label, once the page is there."""
        await self.loaded.wait()
        self.shown.clear()
        self.pressed = True
        message = BackMsg()
        message.rerun_script.widget_states.widgets.add(id=self.buttons[label], trigger_value=True)
        await self._rerun(message)

    async def turn_to(self, page: str, query: str) -> float:
        """Goes to another page, "" for the start page, or to the same with another query; the seconds until it is
        there."""
        await self.loaded.wait()
        self._stop(set(self.timers))
        self.loaded.clear()
        self.page, self.query, self.buttons, self.asked = self.pages[page], query, {}, None
        begun = time.perf_counter()
        await self._rerun()
        await self.loaded.wait()
        return time.perf_counter() - begun

    async def measured(self) -> float:
        """The moment at which the page, after a click, shows a measurement of a run that is at work."""
        await self.shown.wait()
        return time.perf_counter()

    async def _rerun(self, message: BackMsg | None = None, fragment: str = "") -> None:
        message = message or BackMsg()
        script = message.rerun_script
        script.query_string, script.page_script_hash, script.fragment_id, script.is_auto_rerun = (
            self.query,
            self.page,
            fragment,
            bool(fragment),
        )
        await self.socket.send(message.SerializeToString())

    async def _read(self) -> None:
        while True:
            raw = await self.socket.recv(decode=False)
            self.seen.bytes += len(raw)
            message = ForwardMsg.FromString(raw)
            match message.WhichOneof("type"):
                case "new_session":
                    self.page = message.new_session.page_script_hash
                    self.renewed = set()
                case "navigation":
                    self.pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
                case "delta":
                    self._element(message.delta.new_element)
                case "auto_rerun":
                    self._time(message.auto_rerun.fragment_id, message.auto_rerun.interval)
                case "script_finished":
                    self._end(message.script_finished)
                case "stop_auto_rerun":
                    self._stop(set(message.stop_auto_rerun.fragment_ids))

    def _time(self, fragment: str, interval: float) -> None:
        self.renewed.add(fragment)
        if fragment in self.timers and self.intervals[fragment] != interval:
            self._stop({fragment})
        if fragment not in self.timers:
            self.intervals[fragment] = interval
            self.timers[fragment] = asyncio.create_task(self._tick(fragment, interval))

    def _stop(self, fragments: set[str]) -> None:
        for fragment in fragments & self.timers.keys():
            self.timers.pop(fragment).cancel()

    def _element(self, element: Any) -> None:
        kind = element.WhichOneof("type")
        if kind == "button":
            self.buttons[element.button.label] = element.button.id
        elif kind == "html" and self.pressed and AT_WORK.search(element.html.body):
            self.shown.set()
        elif kind == "exception":
            self.seen.exceptions.append(element.exception.message[:200])

    def _end(self, status: int) -> None:
        if status == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return  # a server's first page, which it begins anew
        if status == ForwardMsg.FINISHED_SUCCESSFULLY:
            self._stop(self.timers.keys() - self.renewed)  # a run of the whole page sets its timers anew
            if not self.loaded.is_set():
                self.loaded.set()
                self.seen.loaded += 1
                return
        if self.asked is not None:
            self.seen.answers.append(time.perf_counter() - self.asked)
            self.asked = None

    async def _tick(self, fragment: str, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            if self.asked is not None:
                self.seen.skipped += 1
                continue
            self.asked = time.perf_counter()
            await self._rerun(fragment=fragment)
