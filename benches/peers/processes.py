"""Programs under measurement: their start, their processor time, their certain end."""

import os
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
START_SECONDS_MAX = 15
STOP_SECONDS_MAX = 5


class Program:
    """A program that serves a port, and the processes it forked."""

    def __init__(self, name, command, ports, folder, environment=None):
        self.name, self.ports = name, ports
        self.log = Path(folder) / f"{name}.output"
        with self.log.open("wb") as log:
            self.child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                # An access log costs what writing it costs, and not what a disk makes of it.
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    def wait_until_it_serves(self):
        """Returns when every port takes connections."""
        deadline = time.monotonic() + START_SECONDS_MAX
        for port in self.ports:
            while not accepts(port):
                if self.child.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{self.name} does not start:\n{self.log.read_text()}")
                time.sleep(0.05)

    def cpu_seconds(self):
        """User and system time of all its processes so far."""
        ticks = 0
        for pid in family(self.child.pid):
            # The name in parentheses may hold spaces; utime and stime are fields 14 and 15.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS_PER_SECOND

    def resident_kib(self):
        """Resident memory of all its processes."""
        kib = 0
        for pid in family(self.child.pid):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    kib += int(line.split()[1])
        return kib

    def stop(self):
        """Ends it; the hard way where it does not want to."""
        self.child.terminate()
        try:
            self.child.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def family(pid):
    """A process and its direct children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(int(child) for child in children)]


def accepts(port):
    """Whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count):
    """Ports nobody has. All are held until all are known, so that none is given twice."""
    with ExitStack() as held:
        ports = []
        for _ in range(count):
            port = held.enter_context(socket.socket())
            port.bind(("127.0.0.1", 0))
            ports.append(port.getsockname()[1])
        return ports
