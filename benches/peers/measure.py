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

    @classmethod
    def of(cls, result, cpu_seconds, requests, *, failed):
        """From what wrk says."""
        if not requests:
            raise SystemExit(f"nothing is answered: {result}")
        return cls(
            requests=requests,
            cpu_microseconds=cpu_seconds * 1e6 / requests,
            requests_per_second=requests * 1e6 / result["microseconds"],
            p50_microseconds=result["p50"],
            p99_microseconds=result["p99"],
            failed=failed,
        )


def check(contender, object_):
    """Asks once and looks at the answer: a wrong answer can be very cheap."""
    connection = http.client.HTTPConnection("127.0.0.1", contender.port, timeout=30)
    connection.request("GET", contender.path + object_.name, headers=contender.headers)
    answer = connection.getresponse()
    length = len(answer.read())
    connection.close()
    status, expected = (302, 0) if contender.redirects else (200, object_.size)
    if (answer.status, length) != (status, expected):
        raise SystemExit(f"{contender.name}: {answer.status} with {length} bytes of {object_.label}")


def load(contender, object_, seconds):
    """Loads a contender for some seconds."""
    path = contender.path + object_.name
    result, cpu = wrk(contender, path, seconds, connections=object_.connections)
    requests = float(result["requests"])
    if object_.size >= MIB and not contender.redirects:
        # wrk stops in the middle of answers, and those were work too.
        requests = result["bytes"] / object_.size
    return Sample.of(result, cpu, requests, failed=result["broken"] + result["refused"])


def wrk(contender, path, seconds, *, connections, script=HERE / "load.lua", arguments=()):
    """Runs wrk with a script; what that says, and the processor time of the contender."""
    command = ["wrk", "--threads", "1", "--connections", str(connections)]
    command += ["--duration", f"{seconds}s", "--timeout", "30s", "--script", str(script)]
    for name, value in contender.headers.items():
        command += ["--header", f"{name}: {value}"]
    command += [f"http://127.0.0.1:{contender.port}{path}", "--", *map(str, arguments)]
    before = contender.program.cpu_seconds()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 60,
        # Where scripts find each other.
        cwd=HERE,
    )
    cpu = contender.program.cpu_seconds() - before
    if done.returncode:
        raise SystemExit(f"wrk at {contender.name}:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1]), cpu
