"""A 5 GiB object: constant memory, and not one byte wrong. Only with --full."""

import hashlib
import io
import subprocess
from pathlib import Path

import pytest
from s3 import route
from web import request

GIB = 1024**3
SIZE = 5 * GIB
BLOCK = 1024**2


class Content(io.RawIOBase):
    """SIZE bytes, no two blocks alike, hashed as they are read."""

    def __init__(self):
        super().__init__()
        self.filler = hashlib.shake_256(b"casgate").digest(BLOCK - 8)
        self.digest, self.position, self.left = hashlib.sha256(), 0, b""

    def readable(self):
        return True

    def readinto(self, target):
        if not self.left and self.position < SIZE:
            self.left = memoryview((self.position // BLOCK).to_bytes(8, "big") + self.filler)
            self.digest.update(self.left)
            self.position += BLOCK
        count = min(len(target), len(self.left))
        target[:count], self.left = self.left[:count], self.left[count:]
        return count


@pytest.fixture(scope="module")
def stored(embedded):
    """The hexadecimal digest of an object in storage that is as large as a multipart upload makes it."""
    known = Content()
    while known.read(BLOCK):
        pass
    name = known.digest.hexdigest()
    embedded.client.upload_fileobj(Content(), embedded.bucket, f"sha256:{name}")
    return name


def resident(gateway, field):
    """A line of the kernel's account of the process, in bytes."""
    lines = Path(f"/proc/{gateway.child.pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(field + ":")]
    return int(line.split()[1]) * 1024


def download(url):
    """Whether curl got all of it, how much that was, and its digest; nothing is kept."""
    with subprocess.Popen(["curl", "-sS", url], stdout=subprocess.PIPE) as curl:
        digest, size = hashlib.sha256(), 0
        while chunk := curl.stdout.read(BLOCK):
            digest.update(chunk)
            size += len(chunk)
    return curl.returncode, size, digest.hexdigest()


def test_a_large_object_streams_in_little_memory(embedded, serve, stored):
    gateway = serve(embedded, [route("/download/", "stream")])
    assert request(f"{gateway.url}/download/sha256:{'0' * 64}").status == 404
    idle = resident(gateway, "VmRSS")
    assert download(f"{gateway.url}/download/sha256:{stored}") == (0, SIZE, stored)
    growth = resident(gateway, "VmHWM") - idle
    print(f"memory above idle: {growth / 1024**2:.1f} MiB")
    assert growth < 64 * 1024**2


def test_one_wrong_byte_never_arrives_complete(embedded, dev, serve, stored):
    data = dev.stdout.parent / "data"
    file = max(data.rglob("*"), key=lambda entry: entry.stat().st_size)
    assert SIZE <= file.stat().st_size < SIZE + GIB
    with file.open("r+b") as opened:
        opened.seek(3 * GIB + 12_345)
        byte = opened.read(1)
        opened.seek(-1, io.SEEK_CUR)
        opened.write(bytes([byte[0] ^ 1]))
    gateway = serve(embedded, [route("/download/", "stream")])
    code, size, _ = download(f"{gateway.url}/download/sha256:{stored}")
    assert code != 0
    assert size < SIZE
