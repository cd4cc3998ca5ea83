"""Firefox, driven by WebDriver BiDi, which it speaks itself: a web socket is all that is needed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .browsing import lacking

PATIENCE = 600  # seconds for one command: a busy machine starts Python slowly
# No network: a proxy that is not there. Nothing that Firefox asks for by itself, either.
PREFERENCES = """\
user_pref("network.proxy.type", 1);
user_pref("network.proxy.http", "127.0.0.1");
user_pref("network.proxy.http_port", 9);
user_pref("network.proxy.ssl", "127.0.0.1");
user_pref("network.proxy.ssl_port", 9);
user_pref("app.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
"""


class Firefox:
    """One tab. `said` collects what pages wrote to the console, and what they asked the network."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.count, self.said = socket, 0, list[str]()
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
        self.tab = self.send("browsingContext.getTree")["contexts"][0]["context"]

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command; its result."""
        self.count += 1
        sent = {"id": self.count, "method": method, "params": parameters}
        self.socket.send(json.dumps(sent))
        while True:
            got = json.loads(self.socket.recv())
            if got["type"] == "event":
                self._keep(got)
            elif got["id"] == self.count:
                if got["type"] == "error":
                    raise RuntimeError(f"{method}: {got['message']}")
                return got["result"]

    def _keep(self, event: dict[str, Any]) -> None:
        if event["method"] == "log.entryAdded":
            self.said.append(f"{event['params']['level']}: {event['params']['text']}")
        else:
            url = event["params"]["request"]["url"]
            self.said += [] if url.startswith(("file:", "data:", "about:", "blob:")) else [url]

    def open(self, page: Path, query: str = "") -> None:
        """Load a page of the disk, to the end."""
        self.send(
            "browsingContext.navigate", context=self.tab, url=page.as_uri() + query, wait="complete"
        )

    def resize(self, width: int, height: int = 900) -> None:
        """Give the page this much room, in pixels of style sheets."""
        room = {"width": width, "height": height}
        self.send("browsingContext.setViewport", context=self.tab, viewport=room)

    def evaluate(self, script: str) -> Any:
        """What an expression is, or what it promises, as JSON carries it."""
        expression = f"(async () => JSON.stringify(await ({script})))()"
        got = self.send(
            "script.evaluate",
            expression=expression,
            target={"context": self.tab},
            awaitPromise=True,
        )
        if got["type"] == "exception":
            raise RuntimeError(got["exceptionDetails"]["text"])
        return json.loads(got["result"]["value"])


@contextmanager
def firefox(profile: Path) -> Iterator[Firefox]:
    """A headless Firefox with a profile in this empty folder, ended at the end."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if not program:
        lacking("no Firefox found: apt-get install firefox-esr")
    import websocket

    (profile / "user.js").write_text(PREFERENCES)
    options = [
        "--headless",
        "--no-remote",
        "--profile",
        str(profile),
        "--remote-debugging-port",
        "0",
    ]
    running = subprocess.Popen(
        [program, *options, "about:blank"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert running.stderr
        for line in running.stderr:
            if "WebDriver BiDi listening on " in line:
                break
        else:
            raise RuntimeError("Firefox ended before it listened")
        address = line.rpartition(" ")[2].strip() + "/session"
        socket = websocket.create_connection(address, timeout=PATIENCE, suppress_origin=True)
        yield Firefox(socket)
        socket.close()
    finally:
        running.terminate()
        running.wait()
        if running.stderr:
            running.stderr.close()
