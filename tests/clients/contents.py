"""Contents: files of random bytes, and what is too large to be held."""

import hashlib
import io
import random
from pathlib import Path

GIB = 1024**3
BLOCK = 1024**2


class Content(io.RawIOBase):
    """So many bytes, no two blocks alike, hashed as they are read."""

    def __init__(self, size):
        super().__init__()
        self.size = size
        self.filler = hashlib.shake_256(b"casgate").digest(BLOCK - 8)
        self.digest, self.position, self.left = hashlib.sha256(), 0, b""

    def readable(self):
        return True

    def readinto(self, target):
        if not self.left and self.position < self.size:
            self.left = memoryview((self.position // BLOCK).to_bytes(8, "big") + self.filler)
            self.digest.update(self.left)
            self.position += BLOCK
        count = min(len(target), len(self.left))
        target[:count], self.left = self.left[:count], self.left[count:]
        return count


def stored_content(storage, size):
    """The hexadecimal digest of an object in storage, uploaded in parts."""
    known = Content(size)
    while known.read(BLOCK):
        pass
    name = known.digest.hexdigest()
    storage.client.upload_fileobj(Content(size), storage.bucket, f"sha256:{name}")
    return name


def written(folder, size, seed=0):
    """A file of so many random bytes, which are the same every time."""
    source = random.Random(f"{size} {seed}")
    file = folder / f"{size}-{source.getrandbits(64):016x}"
    if not file.exists():
        file.write_bytes(source.randbytes(size))
    return file


def digest(file):
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()
