"""What is served: one object per size, named by its digest."""

import base64
import hashlib
import os
from dataclasses import dataclass

KIB, MIB = 1024, 1024 * 1024
BLOCK = MIB


@dataclass(frozen=True)
class Object:
    """An object in storage, and how it is asked for."""

    label: str
    size: int
    # Clients that ask for it at the same time.
    connections: int
    hex: str = ""
    checksum: str = ""

    @property
    def name(self):
        """What it is called in storage and by clients."""
        return f"sha256:{self.hex}"


SIZES = {
    size.label: size
    for size in [
        Object("1 KiB", KIB, 32),
        Object("64 KiB", 64 * KIB, 32),
        Object("1 MiB", MIB, 16),
        Object("100 MiB", 100 * MIB, 4),
    ]
}


def write(folder, labels):
    """Puts the objects below `folder`, random and so in no way compressible."""
    bucket = folder / "objects" / "bench"
    bucket.mkdir(parents=True)
    objects = []
    for size in (SIZES[label] for label in labels):
        digest, unnamed = hashlib.sha256(), bucket / "unnamed"
        with unnamed.open("wb") as file:
            for begin in range(0, size.size, BLOCK):
                block = os.urandom(min(BLOCK, size.size - begin))
                digest.update(block)
                file.write(block)
        unnamed.rename(bucket / f"sha256:{digest.hexdigest()}")
        checksum = base64.b64encode(digest.digest()).decode()
        objects.append(
            Object(size.label, size.size, size.connections, digest.hexdigest(), checksum)
        )
    return objects
