"""What the numbers were taken with."""

import os
import platform
import subprocess
from pathlib import Path

# How programs are asked which version they are.
VERSION_OPTIONS = {
    "nginx": "-v",
    "haproxy": "-v",
    "wrk": "-v",
    "node": "-v",
    "npm": "-v",
    "redis-server": "-v",
}


def machine(programs):
    """Facts about this machine and some of its programs."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        **{name: version(name, VERSION_OPTIONS[name]) for name in programs},
        "rustc": version("rustc", "-V"),
        "commit": version("git", "describe", "--always", "--dirty"),
        "load average before": os.getloadavg()[0],
    }


def version(*command):
    """The first line a program says of itself."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return "unknown"
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"
