"""Programs started by the tests: their output in files, their id on record, their end certain."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

# tests/run makes both, and ends whatever is still recorded in the folder when it ends itself.
BINARY = Path(os.environ["CASGATE_BIN"])
WORK = Path(os.environ["CASGATE_WORK"])


def eventually(condition, seconds=30.0, what="the condition"):
    """What `condition` returns once that is true; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"{what}: still not so after {seconds} s"
        time.sleep(0.02)


class Process:
    """A running program. Its command line must name something below WORK."""

    def __init__(self, folder, *command, environment=None):
        folder.mkdir(parents=True, exist_ok=True)
        self.stdout, self.stderr = folder / "stdout", folder / "stderr"
        with self.stdout.open("wb") as out, self.stderr.open("wb") as err:
            self.child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        (folder / "process.pid").write_text(str(self.child.pid))

    def first_line(self):
        """The first complete line on standard output."""

        def line():
            head, end, _ = self.stdout.read_text().partition("\n")
            if not end and self.child.poll() is not None:
                raise AssertionError(f"exited with {self.child.returncode}: {self.output()}")
            return head if end else None

        return eventually(line, what="a line on standard output")

    def output(self):
        """Everything printed so far."""
        return self.stdout.read_text() + self.stderr.read_text()

    def terminate(self):
        self.child.send_signal(signal.SIGTERM)

    def wait(self, seconds=30.0):
        """The exit code."""
        return self.child.wait(seconds)

    def stop(self):
        """Ends it and whatever it started, at once."""
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()


class Casgate(Process):
    """`casgate dev` or `casgate run`, ready to serve; `ready` is its line of JSON."""

    def __init__(self, folder, *arguments):
        super().__init__(folder, BINARY, *arguments)
        try:
            self.ready = json.loads(self.first_line())
        except BaseException:
            self.stop()
            raise
        self.url, self.admin_url = self.ready["url"], self.ready["admin_url"]

    @classmethod
    def dev(cls, folder):
        arguments = ("--dir", folder / "data", "--listen", "127.0.0.1:0", "--json")
        return cls(folder, "dev", *arguments)

    @classmethod
    def run(cls, folder, config):
        """Runs a configuration given as plain values; JSON is YAML too."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "casgate.yaml"
        text = json.dumps(config, indent=1, ensure_ascii=False)
        # The one character that may stand as it is in JSON and not in YAML.
        file.write_text(text.replace("\x7f", "\\u007f"))
        return cls(folder, "run", "--json", file)


def resident(process, field):
    """A line of the kernel's account of a program's memory, in bytes."""
    lines = Path(f"/proc/{process.child.pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(field + ":")]
    return int(line.split()[1]) * 1024


def casgate(*arguments):
    """Runs a subcommand that ends by itself."""
    command = [str(BINARY), *(str(argument) for argument in arguments)]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )


def tool(package, command):
    """The path of a command from an npm package, `name@version`, which tests/run installed."""
    path = Path(os.environ["CASGATE_NPM"]) / package / "node_modules/.bin" / command
    assert path.exists(), f"{package} is not installed; see the output of npm above"
    return path
