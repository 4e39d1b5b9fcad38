"""Who is measured: programs, their configuration, and the requests each is asked."""

import base64
import functools
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path

from processes import Program, free_ports

HERE = Path(__file__).resolve().parent
KIB = 1024

# Buffer and splicing of each HAProxy; the server blocks of nginx are in nginx.conf.
HAPROXY = {
    "haproxy 16k": (16 * KIB, ""),
    "haproxy 64k": (64 * KIB, ""),
    "haproxy 256k": (256 * KIB, ""),
    "haproxy 16k splice": (16 * KIB, "option splice-response"),
    "haproxy 64k splice": (64 * KIB, "option splice-response"),
}
NGINX = {
    "nginx default": "NGINX_DEFAULT_PORT",
    "nginx 64k": "NGINX_64K_PORT",
    "nginx 256k": "NGINX_256K_PORT",
    "nginx unbuffered": "NGINX_UNBUFFERED_PORT",
}
# What the routes of casgate.yaml do. A redirect has no body, so its size does not matter.
STREAMS = ["plain", "verified"]
REDIRECTS = ["remembered", "cold"]


@dataclass(frozen=True)
class Contender:
    """One way to be served one object."""

    name: str
    # Rows of one family compete for the best of it: the variants of a peer.
    family: str
    program: Program
    port: int
    path: str
    headers: dict = field(default_factory=dict)
    # Without a body one size is enough.
    redirects: bool = False

    def url(self, object_):
        return f"http://127.0.0.1:{self.port}{self.path}sha256:{object_.hex}"


class Bench:
    """The folder, the ports and the secrets of one run."""

    def __init__(self, folder, threads, objects):
        self.folder, self.threads = folder, threads
        self.storage_port, *self.ports = free_ports(64)
        checksums = "\n        ".join(
            f'"/bench/sha256:{item.hex}" {item.checksum};' for item in objects
        )
        self.values = {
            "FOLDER": folder,
            "THREADS": threads,
            "STORAGE_PORT": self.storage_port,
            "CHECKSUMS": checksums,
        }
        self.jwt_secret = secrets.token_hex(32)

    def configuration(self, template, name, **values):
        """Fills in a template; the file it became."""
        text = (HERE / template).read_text()
        for key, value in {**self.values, **values}.items():
            text = text.replace(f"@{key}@", str(value))
        path = self.folder / name
        path.write_text(text)
        return path

    def storage(self):
        file = self.configuration("storage.conf", "storage.conf")
        command = ["nginx", "-c", file, "-p", self.folder, "-e", self.folder / "storage.log"]
        return Program("storage", command, [self.storage_port], self.folder)

    def nginx(self):
        """All variants of nginx are one program: one is asked at a time."""
        ports = {key: self.ports.pop() for key in NGINX.values()}
        file = self.configuration("nginx.conf", "nginx.conf", **ports)
        command = ["nginx", "-c", file, "-p", self.folder, "-e", self.folder / "nginx.log"]
        program = Program("nginx", command, ports.values(), self.folder)
        return [
            Contender(name, "nginx", program, ports[key], "/bench/") for name, key in NGINX.items()
        ]

    def haproxy(self, name):
        buffer_bytes, splice = HAPROXY[name]
        port = self.ports.pop()
        file_name = name.replace(" ", "-")
        file = self.configuration(
            "haproxy.conf", f"{file_name}.conf", PORT=port, BUFFER_BYTES=buffer_bytes, SPLICE=splice
        )
        program = Program(file_name, ["haproxy", "-db", "-f", file], [port], self.folder)
        return [Contender(name, "haproxy", program, port, "/bench/")]

    def casgate(self, name, binary, *, access_log):
        port = self.ports.pop()
        file = self.configuration(
            "casgate.yaml", f"{name}.yaml", PORT=port, ACCESS_LOG=str(access_log).lower()
        )
        environment = {
            "TOKIO_WORKER_THREADS": str(self.threads),
            "AWS_ACCESS_KEY_ID": "AKIABENCH",
            "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
            "BENCH_JWT_SECRET": self.jwt_secret,
        }
        command = [binary, "run", file]
        program = Program(name, command, [port], self.folder, environment)
        headers = {"Authorization": f"Bearer {hs256_token(self.jwt_secret)}"}
        return [
            Contender(f"{name} {how}", name, program, port, f"/{how}/", headers, how in REDIRECTS)
            for how in STREAMS + REDIRECTS
        ]

    def starters(self, binaries):
        """What is to be started: functions that start a program and return its contenders."""
        yield self.nginx
        for name in HAPROXY:
            yield functools.partial(self.haproxy, name)
        for name, binary in binaries.items():
            yield functools.partial(self.casgate, name, binary, access_log=False)
        first = next(iter(binaries))
        yield functools.partial(
            self.casgate, f"{first}-logging", binaries[first], access_log=True
        )


def hs256_token(secret):
    """A token good for the run (RFC 7515)."""

    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    claims = {
        "iss": "https://bench.example",
        "aud": "casgate",
        "sub": "bench",
        "scope": "artifacts:read",
        "exp": int(time.time()) + 24 * 3600,
    }
    signed = b".".join(
        part(json.dumps(value).encode()) for value in ({"alg": "HS256", "typ": "JWT"}, claims)
    )
    mac = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return b".".join([signed, part(mac)]).decode()
