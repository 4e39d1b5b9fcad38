"""Who is measured: programs, their configuration, and the requests each is asked."""

import functools
from dataclasses import dataclass, field

from processes import Program

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


def checksums(objects):
    """What storage.conf wants to know of the objects."""
    return "\n        ".join(f'"/bench/{item.name}" {item.checksum};' for item in objects)


def nginx(bench):
    """All variants of nginx are one program: one is asked at a time."""
    ports = {key: bench.ports.pop() for key in NGINX.values()}
    program = bench.nginx("nginx", "nginx.conf", ports.values(), **ports)
    return [Contender(name, "nginx", program, ports[key], "/bench/") for name, key in NGINX.items()]


def haproxy(bench, name):
    buffer_bytes, splice = HAPROXY[name]
    port = bench.ports.pop()
    file_name = name.replace(" ", "-")
    file = bench.configuration(
        "haproxy.conf", f"{file_name}.conf", PORT=port, BUFFER_BYTES=buffer_bytes, SPLICE=splice
    )
    program = Program(file_name, ["haproxy", "-db", "-f", file], [port], bench.folder)
    return [Contender(name, "haproxy", program, port, "/bench/")]


def casgate(bench, name, binary, *, access_log):
    program, port, headers = bench.casgate(
        name, binary(), "casgate.yaml", access_log=access_log, claims={"scope": "artifacts:read"}
    )
    return [
        Contender(row, name, program, port, f"/{how}/", headers, how in REDIRECTS)
        for row, how in zip(casgate_rows(name), STREAMS + REDIRECTS)
    ]


def casgate_rows(name):
    return [f"{name} {how}" for how in STREAMS + REDIRECTS]


def starters(bench, binaries):
    """The rows to come, and the functions that start their program."""
    yield list(NGINX), functools.partial(nginx, bench)
    for name in HAPROXY:
        yield [name], functools.partial(haproxy, bench, name)
    for name, binary in binaries.items():
        start = functools.partial(casgate, bench, name, binary, access_log=False)
        yield casgate_rows(name), start
    name, binary = next(iter(binaries.items()))
    name += "-logging"
    yield casgate_rows(name), functools.partial(casgate, bench, name, binary, access_log=True)
