"""A headless browser, driven over its own protocol: what a page asks for, says and measures."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tornado.websocket import WebSocketClientConnection, websocket_connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)
MEASURES = """({
    width: Math.max(document.documentElement.scrollWidth, document.body.scrollWidth),
    scrolling: [...document.querySelectorAll("pre")]
        .filter((pre) => pre.scrollWidth > pre.clientWidth)
        .map((pre) => pre.textContent),
})"""


@dataclass
class Visit:
    """What happened while a page was open."""

    address: str
    requests: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    width: int = 0
    scrolling: list[str] = field(default_factory=list)  # code and output wider than their box


def find_browser() -> str | None:
    """Return the path of an installed browser of the Chromium family."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


def visit(addresses: Iterable[str], netlog: Path, *, width: int = 1280) -> list[Visit]:
    """Open pages one after the other in one browser, and log all that it asks the network."""
    browser = find_browser()
    if browser is None:
        raise RuntimeError("no browser is installed")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [browser, *OPTIONS, f"--user-data-dir={profile}", f"--log-net-log={netlog}"]
        with subprocess.Popen(
            [*command, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                return asyncio.run(_tour(_endpoint(Path(profile)), list(addresses), width))
            finally:
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    process.kill()


def _endpoint(profile: Path) -> str:
    for _ in range(300):
        file = profile / "DevToolsActivePort"
        lines = file.read_text(encoding="utf-8").split() if file.exists() else []
        if len(lines) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.1)
    raise RuntimeError("the browser did not start")


async def _tour(endpoint: str, addresses: list[str], width: int) -> list[Visit]:
    line = _Line(await websocket_connect(endpoint, max_message_size=2**28))
    target = (await line.ask("Target.createTarget", url="about:blank"))["targetId"]
    attached = await line.ask("Target.attachToTarget", targetId=target, flatten=True)
    line.session = attached["sessionId"]
    for domain in ("Page", "Network", "Runtime", "Log"):
        await line.ask(f"{domain}.enable")
    await line.ask(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=900,
        deviceScaleFactor=1,
        mobile=width < 600,
    )
    visits = [await _open(line, address) for address in addresses]
    line.session = ""
    await line.ask("Browser.close")
    line.socket.close()
    while await line.socket.read_message() is not None:
        pass
    return visits


async def _open(line: _Line, address: str) -> Visit:
    line.events.clear()
    await line.ask("Page.navigate", url=address)
    await line.until("Page.loadEventFired")
    measured: dict[str, Any] = {}
    for _ in range(50):  # a page that forwards may be between two documents
        await asyncio.sleep(0.2)  # scripts that wait for the load
        asked = {"expression": MEASURES, "returnByValue": True}
        measured = (await line.ask("Runtime.evaluate", **asked))["result"]
        if "value" in measured:
            break
    seen = Visit(address, **measured["value"])
    for method, event in line.events:
        if method == "Network.requestWillBeSent":
            seen.requests.append(event["request"]["url"])
        elif method == "Network.loadingFailed" and not event.get("canceled"):
            seen.failed.append(event["errorText"])
        elif method == "Runtime.exceptionThrown":
            details = event["exceptionDetails"]
            seen.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and event["type"] == "error":
            seen.errors.append(" ".join(str(one.get("value")) for one in event["args"]))
        elif method == "Log.entryAdded" and event["entry"]["level"] == "error":
            seen.errors.append(f"{event['entry']['text']} {event['entry'].get('url', '')}")
    return seen


class _Line:
    """Questions to the browser, and the events that come in between."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self.socket, self.session, self.count = socket, "", 0
        self.events: list[tuple[str, dict[str, Any]]] = []

    async def ask(self, method: str, **options: Any) -> dict[str, Any]:
        self.count += 1
        number = self.count
        message: dict[str, Any] = {"id": number, "method": method, "params": options}
        if self.session:
            message["sessionId"] = self.session
        await self.socket.write_message(json.dumps(message))
        while True:
            answer = await self._next()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])

    async def until(self, method: str) -> None:
        while method not in [name for name, _ in self.events]:
            await self._next()

    async def _next(self) -> dict[str, Any]:
        text = await asyncio.wait_for(self.socket.read_message(), timeout=30)
        if text is None:
            raise RuntimeError("the browser hung up")
        message = dict(json.loads(text))
        if "method" in message:
            self.events.append((message["method"], message["params"]))
        return message
