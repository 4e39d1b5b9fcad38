"""Chromium, used like a person would use it."""

import base64
import json
import re
import urllib.request

from process import Process, eventually

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()


class Browser:
    """chromium behind chromedriver, spoken to in plain WebDriver (W3C)."""

    def __init__(self, folder):
        self.downloads, profile = folder / "downloads", folder / "profile"
        self.downloads.mkdir()
        profile.mkdir()
        log = folder / "chromedriver.log"
        self.driver = Process(folder / "driver", "chromedriver", "--port=0", f"--log-path={log}")
        started = r"started successfully on port (\d+)"
        found = eventually(lambda: re.search(started, self.driver.output()), what="chromedriver")
        self.base = f"http://127.0.0.1:{found[1]}/session"
        options = {
            "args": [*FLAGS, f"--user-data-dir={profile}"],
            "prefs": {"download.default_directory": str(self.downloads)},
        }
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        capabilities = {"alwaysMatch": wanted}
        self.base += "/" + self.command("POST", "", capabilities=capabilities)["sessionId"]

    def command(self, method, path, **body):
        data = json.dumps(body).encode() if method == "POST" else None
        asked = urllib.request.Request(self.base + path, data, method=method)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, url):
        self.command("POST", "/url", url=url)

    def run(self, script, *args):
        """What a function with this body returns, in the page; of a promise, what it comes to."""
        return self.command("POST", "/execute/sync", script=script, args=list(args))

    def text(self):
        return self.run("return document.body.innerText")

    def devtools(self, method, **params):
        """A command of the DevTools protocol."""
        return self.command("POST", "/goog/cdp/execute", cmd=method, params=params)

    def press(self, *keys):
        """Keys one after the other, wherever the focus is."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.command("POST", "/actions", actions=[{"type": "key", "id": "keys", "actions": actions}])

    def complaints(self):
        """What the console has from errors and warnings since the last time."""
        entries = self.command("POST", "/se/log", type="browser")
        return [entry["message"] for entry in entries if entry["level"] in ("WARNING", "SEVERE")]

    def screenshot(self, file):
        file.write_bytes(base64.b64decode(self.command("GET", "/screenshot")))

    def downloaded(self):
        """The one file saved. A download under way has a file with another suffix, and an empty one
        that keeps its name free."""

        def file():
            entries = [entry for entry in self.downloads.iterdir() if not entry.name.startswith(".")]
            if any(entry.suffix == ".crdownload" for entry in entries):
                return None
            return [entry for entry in entries if entry.stat().st_size > 0]

        (found,) = eventually(file, what="a file in the downloads")
        return found

    def close(self):
        self.driver.stop()
