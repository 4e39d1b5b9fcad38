"""The cache workload: who is measured, and what builds ask of them."""

import functools
import os
import secrets
from dataclasses import dataclass

import turborepo_remote_cache
from contenders import Contender
from processes import Program

KIB = 1024
# From 64 KiB to 1 MiB, each as frequent as the others.
SIZES = [64 * KIB, 128 * KIB, 256 * KIB, 512 * KIB, 1024 * KIB]
BUCKET, TEAM = "cache", "team_bench"
QUERY = f"?teamId={TEAM}"
CONNECTIONS = 16
# The first digit of a name.
HIT, MISS, PUT, CHECK = 1, 2, 3, 4


@dataclass(frozen=True)
class Mix:
    """How many requests of each kind come together."""

    label: str
    hits: int
    misses: int
    puts: int


# The first is the one that counts; the others tell where its time goes.
MIXES = [
    Mix("mix", 4, 4, 2),
    Mix("GET hit", 1, 0, 0),
    Mix("GET miss", 0, 1, 0),
    Mix("PUT", 0, 0, 1),
]


def name(kind, number):
    """An artifact's name in the form of Turborepo's hashes: 16 hexadecimal digits."""
    return f"{kind}{number:015}"


def objects(folder):
    """Where storage keeps the artifacts."""
    return folder / "objects" / BUCKET / TEAM


def write_objects(folder):
    """Puts an artifact of each size in storage, random and so in no way compressible."""
    artifacts = objects(folder)
    artifacts.mkdir(parents=True)
    # The workers of nginx are another user than the one who starts it, and they write here.
    artifacts.chmod(0o777)
    for size in SIZES:
        (artifacts / name(HIT, size)).write_bytes(os.urandom(size))


def casgate(bench, row, binary, *, access_log):
    program, port, headers = bench.casgate(
        row, binary(), "cache.yaml", access_log=access_log, claims={"teams": [TEAM]}
    )
    return [Contender(row, "casgate", program, port, "/turbo/v8/artifacts/", headers)]


def peer(bench, row, *, log_level):
    """turborepo-remote-cache, configured by its documented variables."""
    port, token = bench.ports.pop(), secrets.token_hex(32)
    environment = {
        "NODE_ENV": "production",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "LOG_LEVEL": log_level,
        "TURBO_TOKEN": token,
        "STORAGE_PROVIDER": "s3",
        "STORAGE_PATH": BUCKET,
        "S3_ACCESS_KEY": "AKIABENCH",
        "S3_SECRET_KEY": secrets.token_hex(20),
        "S3_REGION": "us-east-1",
        "S3_ENDPOINT": f"http://127.0.0.1:{bench.storage_port}",
        # Spares it a CRC-32 of every body, which storage does not ask for.
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }
    command = ["node", turborepo_remote_cache.script()]
    file_name = row.replace(" ", "-")
    program = Program(file_name, command, [port], bench.folder, environment)
    headers = {"Authorization": f"Bearer {token}"}
    return [Contender(row, turborepo_remote_cache.NAME, program, port, "/v8/artifacts/", headers)]


def starters(bench, binaries):
    """The rows to come, and the functions that start them."""
    rows = {"": "silent", " logging": "info"}
    for suffix, log_level in rows.items():
        row = turborepo_remote_cache.NAME + suffix
        yield [row], functools.partial(peer, bench, row, log_level=log_level)
    for row, binary in binaries.items():
        yield [row], functools.partial(casgate, bench, row, binary, access_log=False)
    row, binary = next(iter(binaries.items()))
    row += "-logging"
    yield [row], functools.partial(casgate, bench, row, binary, access_log=True)
