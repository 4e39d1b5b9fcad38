"""The peer of the cache workload, from npm."""

import json
import os
import subprocess
from pathlib import Path

NAME = "turborepo-remote-cache"
# The newest there is when this is written: numbers belong to a version.
VERSION = "2.12.0"
REPOSITORY = Path(__file__).resolve().parents[2]


def folder():
    """Where it is kept: beside the tools of tests/run."""
    return Path(os.environ.get("CASGATE_CACHE", REPOSITORY / ".cache")) / NAME


def script():
    """Its entry; what `npx turborepo-remote-cache` runs."""
    return folder() / "node_modules" / NAME / "dist" / "cli.js"


def version(package=NAME):
    """The version that is installed of a package; None without it."""
    try:
        manifest = (folder() / "node_modules" / package / "package.json").read_text()
    except FileNotFoundError:
        return None
    return json.loads(manifest)["version"]


def install():
    """Installs it, unless it is there."""
    if version() == VERSION:
        return
    folder().mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--prefix", folder(), "--omit=dev", "--no-audit", "--no-fund"]
    subprocess.run([*command, f"{NAME}@{VERSION}"], check=True, stdout=subprocess.DEVNULL)
