"""A real browser without a screen, told what to do through two pipes (Chrome DevTools protocol)."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE_S = 60.0


class Browser:
    """One page; its profile and what it downloads lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        assert CHROMIUM
        self.downloads = folder / "downloads"
        self.requests: list[str] = []
        (commands, self._to), (self._from, answers) = os.pipe(), os.pipe()
        self._process = subprocess.Popen(  # bash: Chromium wants its pipes at 3 and 4, where Python may have files of its own
            ["bash", "-c", f'exec "$@" 3<&{commands} 4>&{answers}', "bash", CHROMIUM, "--headless=new", "--no-sandbox",
             "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}", "--disable-gpu", "--mute-audio",
             "--no-first-run", "--disable-background-networking", "about:blank"],
            pass_fds=(commands, answers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(commands)
        os.close(answers)
        self._read, self._last, self._session = b"", 0, None
        behaviour = {"behavior": "allow", "downloadPath": str(self.downloads)}
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Browser.setDownloadBehavior", **behaviour)
        for domain in ("Page", "Runtime", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        self._last += 1
        message = {"id": self._last, "method": method, "params": arguments}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("method") == "Network.requestWillBeSent":
                self.requests.append(answer["params"]["request"]["url"])
            if answer.get("id") == self._last:
                assert "result" in answer, answer
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            more = os.read(self._from, 1 << 16)
            assert more, "the browser has gone"
            self._read += more
        message, _, self._read = self._read.partition(b"\0")
        return json.loads(message)

    def value(self, script: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=script, userGesture=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, script: str) -> None:
        """Waits until the page says so."""
        give_up = time.monotonic() + PATIENCE_S
        while not self.value(script):
            assert time.monotonic() < give_up, f"never came true: {script}"
            time.sleep(0.02)

    def open(self, page: Path) -> None:
        self.call("Page.navigate", url=page.as_uri())
        self.until(f"location.href === {json.dumps(page.as_uri())} && document.readyState === 'complete'")

    def until_downloaded(self) -> Path:
        """The file that the page gives, when it is whole."""
        give_up = time.monotonic() + PATIENCE_S
        while not (found := list(self.downloads.glob("*.json"))):
            assert time.monotonic() < give_up, "nothing was downloaded"
            time.sleep(0.02)
        return found[0]

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key)

    def close(self) -> None:
        self.call("Browser.close")
        self._process.wait(PATIENCE_S)
        os.close(self._to)
        os.close(self._from)
