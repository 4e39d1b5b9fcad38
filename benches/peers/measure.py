"""One measurement: wrk against one contender, and what that cost the contender."""

import http.client
import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
MIB = 1024 * 1024


@dataclass(frozen=True)
class Sample:
    """What a contender did in one turn."""

    requests: float
    cpu_microseconds: float
    requests_per_second: float
    p50_microseconds: int
    p99_microseconds: int
    failed: int

    as_dict = asdict


def check(contender, object_):
    """Asks once and looks at the answer: a wrong answer can be very cheap."""
    connection = http.client.HTTPConnection("127.0.0.1", contender.port, timeout=30)
    path = f"{contender.path}sha256:{object_.hex}"
    connection.request("GET", path, headers=contender.headers)
    answer = connection.getresponse()
    length = len(answer.read())
    connection.close()
    status, expected = (302, 0) if contender.redirects else (200, object_.size)
    if (answer.status, length) != (status, expected):
        raise SystemExit(f"{contender.name}: {answer.status} with {length} bytes of {object_.label}")


def load(contender, object_, seconds):
    """Loads a contender for some seconds."""
    command = ["wrk", "--threads", "1", "--connections", str(object_.connections)]
    command += ["--duration", f"{seconds}s", "--timeout", "30s", "--script", str(HERE / "load.lua")]
    for name, value in contender.headers.items():
        command += ["--header", f"{name}: {value}"]
    before = contender.program.cpu_seconds()
    done = subprocess.run(
        [*command, contender.url(object_)],
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 60,
    )
    cpu = contender.program.cpu_seconds() - before
    result = json.loads(done.stdout.strip().splitlines()[-1])
    requests = float(result["requests"])
    if object_.size >= MIB and not contender.redirects:
        # wrk stops in the middle of answers, and those were work too.
        requests = result["bytes"] / object_.size
    if not requests:
        raise SystemExit(f"{contender.name} answered nothing for {object_.label}")
    return Sample(
        requests=requests,
        cpu_microseconds=cpu * 1e6 / requests,
        requests_per_second=requests * 1e6 / result["microseconds"],
        p50_microseconds=result["p50"],
        p99_microseconds=result["p99"],
        failed=result["failed"],
    )
