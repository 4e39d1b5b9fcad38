"""Where single-use links are written down: each store's programs, and what a gateway is told."""

import json
import re
import socket
import time
from dataclasses import dataclass

from processes import Program

REPLICATION_SECONDS_MAX = 15


@dataclass(frozen=True)
class Store:
    """A store that runs."""

    # `state` in the configuration of a gateway, as JSON, which is YAML too.
    state: str
    programs: tuple = ()
    # An entry of `buckets`.
    more_buckets: str = ""
    # Of a Redis, to ask it what it did.
    redis_port: int | None = None

    def cpu_seconds(self):
        """User and system time of its programs; none where it is part of the gateway."""
        return sum(program.cpu_seconds() for program in self.programs)


def embedded(bench, row, _):
    path = bench.folder / f"{row.replace(' ', '-')}.redb"
    return Store(json.dumps({"embedded": {"path": str(path)}}))


def redis(bench, row, _):
    """One server without a file of its writes."""
    primary, port = redis_server(bench, f"{row}-redis")
    return Store(redis_state(port), (primary,), redis_port=port)


def redis_wait(bench, row, _):
    """A replica has to have each write too."""
    primary, port = redis_server(bench, f"{row}-redis")
    replica, _ = redis_server(bench, f"{row}-replica", "--replicaof", "127.0.0.1", str(port))
    for _ in range(REPLICATION_SECONDS_MAX * 20):
        if "state=online" in redis_info(port, "replication").get("slave0", ""):
            state = redis_state(port, wait={"replicas": 1, "timeout": "1s"})
            return Store(state, (primary, replica), redis_port=port)
        time.sleep(0.05)
    raise SystemExit(f"{replica.name} does not replicate:\n{replica.log.read_text()}")


def redis_state(port, **settings):
    return json.dumps({"redis": {"servers": [f"127.0.0.1:{port}"], **settings}})


def redis_server(bench, name, *more):
    """A server with nothing on the disk, and its port."""
    port = bench.ports.pop()
    name = name.replace(" ", "-")
    folder = bench.folder / name
    folder.mkdir()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", folder]
    command += ["--save", "", "--appendonly", "no"]
    # It waits five seconds for more replicas otherwise.
    command += ["--repl-diskless-sync-delay", "0", *more]
    return bench.run(Program(name, command, [port], bench.folder)), port


def redis_info(port, section):
    """What a server says of itself, by name."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"INFO {section}\r\n".encode())
        stream = connection.makefile("rb")
        length = int(stream.readline().removeprefix(b"$"))
        lines = stream.read(length).decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def bucket(bench, row, binary):
    """A bucket of the S3 server in `casgate dev`, of which nothing else is asked."""
    port = bench.ports.pop()
    name = f"{row}-s3".replace(" ", "-")
    folder = bench.folder / name
    command = [binary, "dev", "--dir", folder, "--listen", f"127.0.0.1:{port}"]
    server = bench.run(Program(name, command, [port], bench.folder))
    written = (folder / "gateway.yaml").read_text()
    [endpoint] = re.findall(r"^    endpoint: (\S+)$", written, re.MULTILINE)
    entry = {
        "bucket": "casgate",
        "region": "us-east-1",
        "endpoint": endpoint,
        "credentials": {
            "static": {
                name: {"file": str(folder / name)}
                for name in ("access_key_id", "secret_access_key")
            }
        },
    }
    more_buckets = f"  state: {json.dumps(entry)}"
    return Store(json.dumps({"bucket": {"bucket": "state"}}), (server,), more_buckets)


# By the names of their rows.
STORES = {
    "embedded": embedded,
    "redis": redis,
    "redis wait 1": redis_wait,
    "bucket": bucket,
}
