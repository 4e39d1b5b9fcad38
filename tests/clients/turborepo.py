"""The real turbo, and small monorepos for it to build."""

import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from process import tool

# As tests/run installs them.
FAST_VERSIONS = ["2.11.11", "1.13.4"]
FULL_VERSIONS = ["2.5.8", "2.1.1", "1.10.16"]
VERSIONS = FAST_VERSIONS + (FULL_VERSIONS if os.environ.get("CASGATE_TESTS_FULL") else [])
SIGNING_KEY = "a signing key of more than thirty-two bytes"
# No two runs of it write the same, so that equal files show that only one of them ran.
BUILD = "mkdir -p dist && date +%s%N > dist/when && date +%s%N >> dist/when"
PACKAGES = {"lib": {}, "app": {"lib": "1.0.0"}}


@dataclass(frozen=True)
class Remote:
    """What somebody sets to use a remote cache. No team means to name none."""

    api: str
    token: str
    team: str | None = "acme"
    team_id: str | None = None
    key: str | None = None

    def environment(self):
        values = {
            "TURBO_API": self.api,
            "TURBO_TOKEN": self.token,
            "TURBO_TEAM": self.team,
            "TURBO_TEAMID": self.team_id,
            "TURBO_REMOTE_CACHE_SIGNATURE_KEY": self.key,
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass
class Run:
    """How a run of turbo went."""

    code: int
    output: str

    def succeeded(self):
        assert self.code == 0, self.output
        return self

    @property
    def cached(self):
        """How many tasks were replayed, of all that there were."""
        found = re.search(r"Cached:\s+(\d+) cached, (\d+) total", self.output)
        assert found, self.output
        return int(found[1]), int(found[2])

    @property
    def hashes(self):
        """The hash of each package's task."""
        found = re.findall(r"(\w+):build: cache \w+, [ \w]+ ([0-9a-f]{16})", self.output)
        return dict(found)

    @property
    def warnings(self):
        """The different warnings about the remote cache, however often each was printed."""
        lines = re.findall(r"WARNING\W+(.*)", self.output)
        return {line.strip() for line in lines if re.search("cache|caching|artifact", line, re.I)}


@dataclass
class Checkout:
    """A copy of a monorepo on somebody's disk."""

    folder: Path
    version: str
    more: dict = field(default_factory=dict)

    def command(self, *arguments):
        return [tool(f"turbo@{self.version}", "turbo"), *arguments]

    def environment(self, remote):
        """Nothing of the machine's own settings, and a home of its own."""
        home = self.folder.with_name(self.folder.name + ".home")
        home.mkdir(exist_ok=True)
        (home / ".npmrc").write_text("update-notifier=false\n")
        own = {"PATH": os.environ["PATH"], "HOME": str(home), "TURBO_TELEMETRY_DISABLED": "1"}
        return own | remote.environment() | self.more

    def start(self, remote, *arguments):
        """Starts turbo; whoever does this has to wait for it."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(remote),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def turbo(self, remote, *arguments):
        with self.start(remote, *arguments) as child:
            try:
                output, _ = child.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                child.kill()
                raise
        return Run(child.returncode, output)

    def build(self, remote, *flags):
        return self.turbo(remote, "run", "build", *flags).succeeded()

    def dry(self, remote, *flags):
        """What turbo knows of the remote cache for each package, without a build."""
        output = self.turbo(remote, "run", "build", "--dry=json", *flags).succeeded().output
        tasks = json.loads(output[output.index("{\n") : output.rindex("}") + 1])["tasks"]
        return {task["package"]: task["cache"] | {"hash": task["hash"]} for task in tasks}

    def built(self):
        """What the builds wrote, or None for what is not there."""
        files = {name: self.folder / "packages" / name / "dist/when" for name in PACKAGES}
        return {name: file.read_text() if file.exists() else None for name, file in files.items()}


class Monorepo:
    """A repository of two packages, one of which needs the other. No two of these are alike."""

    def __init__(self, folder, version, signed=False, script=BUILD):
        self.origin, self.version, self.copies = folder / "origin", version, 0
        build = {"dependsOn": ["^build"], "outputs": ["dist/**"]}
        tasks = "pipeline" if version.startswith("1.") else "tasks"
        turbo = {tasks: {"build": build}} | ({"remoteCache": {"signature": True}} if signed else {})
        root = {"name": "web", "private": True, "packageManager": "npm@10.0.0"}
        locked = {"": {"name": "web", "workspaces": ["packages/*"]}}
        self.write("turbo.json", turbo)
        self.write("package.json", root | {"workspaces": ["packages/*"]})
        for name, needs in PACKAGES.items():
            package = {"name": name, "version": "1.0.0", "dependencies": needs}
            self.write(f"packages/{name}/package.json", package | {"scripts": {"build": script}})
            locked[f"node_modules/{name}"] = {"resolved": f"packages/{name}", "link": True}
            locked[f"packages/{name}"] = {"version": "1.0.0", "dependencies": needs}
        lock = {"name": "web", "lockfileVersion": 3, "requires": True, "packages": locked}
        self.write("package-lock.json", lock)
        (self.origin / ".gitignore").write_text("node_modules\n.turbo\ndist\ngate\n")
        (self.origin / "packages/lib/source").write_text(os.urandom(8).hex())
        self.git("init", "--quiet")
        self.commit()

    def write(self, path, content):
        file = self.origin / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, indent=2))

    def git(self, *arguments):
        who = ("-c", "user.name=tests", "-c", "user.email=tests@example.com")
        subprocess.run(["git", *who, *arguments], cwd=self.origin, check=True)

    def commit(self):
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "A state of things")

    def change(self, package):
        """Makes another state, in which this package has to be built anew."""
        (self.origin / f"packages/{package}/source").write_text(os.urandom(8).hex())
        self.commit()

    def clone(self, **environment):
        """A fresh clone, which has nothing that was ever built."""
        self.copies += 1
        folder = self.origin.with_name(f"clone-{self.copies}")
        self.git("clone", "--quiet", ".", str(folder))
        return Checkout(folder, self.version, environment)
