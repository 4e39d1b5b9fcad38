"""Routes for clients of Shaken Fist, and the real client: its command line and its library."""

import hashlib
import json
import os
import random
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from front import Front
from process import eventually
from shakenfist_client import apiclient
from web import request

PATH = "/sf/"
ISSUER = "https://sf.test"
# The key of each namespace, of nobody: new ones at each run.
NAMESPACES = {name: os.urandom(16).hex() for name in ("demo", "other", "system")}
SECRET = os.urandom(32).hex()
CATALOG = {"catalog": "demo", "system": "system"}
# Below which keys the blobs of a namespace are.
LAYOUT = "{tenant}/blobs/{key}"
MIB = 1024**2
# The client begins with the one, and has no more than the other.
FIRST_CHUNK, CHUNK_MAX = 4096, 2 * MIB


def shakenfist_route(**settings):
    """A route where every namespace has one key, and what is its own."""
    keys = [
        {"namespace": namespace, "name": "ci", "sha256": hashlib.sha256(key.encode()).hexdigest()}
        for namespace, key in NAMESPACES.items()
    ]
    rules = {"issuers": ["sf"], "tenant": "claims.namespace", "read": "true", "write": "true"}
    return {
        "path": PATH,
        "dialect": {"shakenfist": CATALOG | {"login": {"issuer": "sf", "keys": keys}} | settings},
        "bucket": "artifacts",
        "layout": LAYOUT,
        "auth": {"jwt": rules},
        "delivery": "stream",
        "upload_size": "8GiB",
    }


def sections(folder, state):
    """What the configuration of a replica has besides its routes and its bucket."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "secret").write_text(SECRET)
    keys = {"hs256": {"file": str(folder / "secret")}}
    return {"issuers": {"sf": {"iss": ISSUER, "audience": [ISSUER], "keys": keys}}, "state": state}


def started(serve, storage, folder, state=None, **settings):
    """A gateway that is ready; without a state it has one of its own."""
    state = state or {"embedded": {"path": str(folder / "state.redb")}}
    gateway = serve(storage, [shakenfist_route(**settings)], **sections(folder, state))
    eventually(lambda: request(gateway.admin_url + "/readyz").status == 200, what="a gateway that is ready")
    return gateway


@dataclass
class Done:
    """What a command said; its errors are among what it says."""

    code: int
    said: str
    errors: str

    def ok(self):
        """What it said, since it went well."""
        assert self.code == 0, (self.code, self.said[-2000:], self.errors[-2000:])
        return self.said

    def failed(self, how):
        """It ended with an error, in a way that it foresaw."""
        assert (self.code, "Traceback" in self.errors) == (1, False), self
        assert how in self.said, self
        return self


@dataclass
class ShakenFist:
    """The client of one namespace; `program` is its command line."""

    url: str
    namespace: str | None = "demo"
    key: str | None = None
    program: Path = Path(sys.executable).parent / "sf-client"

    def __post_init__(self):
        self.url = self.url.rstrip("/")
        self.key = self.key or NAMESPACES.get(self.namespace)

    def run(self, *arguments, seconds=300):
        """Runs a command to its end."""
        settings = {"API_URL": self.url, "NAMESPACE": self.namespace, "KEY": self.key}
        done = subprocess.run(
            [str(self.program), *(str(argument) for argument in arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            # It looks for its settings at home, too.
            env={"PATH": os.environ["PATH"], "HOME": os.devnull}
            | {f"SHAKENFIST_{name}": value for name, value in settings.items() if value},
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def artifact(self, command, *arguments, output="json", seconds=300):
        return self.run(f"--{output}", "artifact", command, *arguments, seconds=seconds)

    def blob(self, command, *arguments, output="json"):
        return self.run(f"--{output}", "blob", command, *arguments)

    def upload(self, name, file, *options, seconds=300):
        """The artifact's identifier, and whether its bytes were sent."""
        said = self.artifact("upload", *options, name, file, seconds=seconds).ok()
        (identifier,) = re.findall(r"^Created artifact (\S+)$", said, re.MULTILINE)
        return identifier, "Recycling existing blob" not in said

    def list(self):
        """What is in sight, by its identifier."""
        return {entry["uuid"]: entry for entry in json.loads(self.artifact("list").ok())}

    def show(self, artifact):
        return json.loads(self.artifact("show", artifact).ok())

    def versions(self, artifact):
        """The blobs of an artifact, by the index of the version."""
        return {blob["index"]: blob for blob in json.loads(self.artifact("versions", artifact).ok())}

    def download(self, artifact, to, seconds=300):
        """The digest of what comes."""
        said = self.artifact("download", artifact, to, seconds=seconds).ok()
        assert "Download complete" in said
        return digest(to)

    @property
    def library(self):
        """A client as programs have it."""
        return apiclient.Client(
            base_url=self.url,
            namespace=self.namespace,
            key=self.key,
            suppress_configuration_lookup=True,
            async_strategy=apiclient.ASYNC_PAUSE,
        )


def written(folder, size, seed=0):
    """A file of so many random bytes, which are the same every time."""
    source = random.Random(f"shaken fist {size} {seed}")
    file = folder / f"{size}-{seed}"
    if not file.exists():
        with file.open("wb") as opened:
            for start in range(0, size, MIB):
                opened.write(source.randbytes(min(MIB, size - start)))
    return file


def digest(file):
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha512").hexdigest()


def front_of(*gateways):
    """One address before replicas."""
    return Front(*(gateway.url for gateway in gateways))
