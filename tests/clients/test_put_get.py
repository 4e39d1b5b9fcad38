"""`casgate put` and `casgate get` against a real gateway: whole files, and nothing sent twice."""

import hashlib
import os
import re
import signal
import subprocess

import pytest
from process import BINARY, eventually

MIB = 1024**2
PIECE = 8 * MIB


class Client:
    """The two commands, run in a folder."""

    def __init__(self, folder, gateway):
        facts = gateway.ready["shakenfist"]
        self.folder, self.state = folder, folder / "state"
        self.environment = {
            "CASGATE_URL": facts["url"],
            "CASGATE_NAMESPACE": facts["namespace"],
            "CASGATE_KEY": facts["key"],
            "XDG_STATE_HOME": str(self.state),
        }

    def start(self, *arguments):
        return subprocess.Popen(
            [BINARY, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments):
        """What it prints, since it goes well."""
        child = self.start(*arguments)
        out, err = child.communicate(timeout=300)
        assert child.returncode == 0, err.decode()
        return out

    def put(self, file, *arguments):
        """How many bytes were sent."""
        said = self.run("put", file, *arguments).decode()
        sent = re.search(r"^sent +(none|\d+)", said, re.MULTILINE)[1]
        return 0 if sent == "none" else int(sent)

    def write(self, name, size):
        content = os.urandom(size)
        (self.folder / name).write_bytes(content)
        return content

    def acknowledged(self):
        """How far the one upload is that is remembered."""
        # It is empty until there is something to remember.
        texts = [file.read_text() for file in (self.state / "casgate/uploads").glob("*.json")]
        found = re.search(r'"acknowledged":(\d+)', "".join(texts))
        return int(found[1]) if found else None


@pytest.fixture
def client(folder, dev):
    return Client(folder, dev)


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 40 * MIB])
def test_what_is_put_can_be_got(client, size):
    name = f"put {size} 100% größe"
    content = client.write("file", size)
    # Other tests may have put the empty file.
    assert client.put("file", "--name", name) == size or size < 2
    assert client.put("file", "--name", name + " again") == 0
    client.run("get", name)
    assert (client.folder / name).read_bytes() == content
    sha256, sha512 = hashlib.sha256(content).hexdigest(), hashlib.sha512(content).hexdigest()
    assert client.run("get", f"sha256:{sha256}", "-o", "-") == content
    assert client.run("get", f"sha512:{sha512}", "-o", "-") == content


def test_versions_are_kept_apart(client):
    first, second = (client.write(name, 1000) for name in ("first", "second"))
    client.put("first", "--name", "versions")
    client.put("second", "--name", "versions")
    assert client.run("get", "versions", "-o", "-") == second
    assert client.run("get", "versions", "-o", "-", "--version", "1") == first


def test_a_killed_upload_is_continued_where_it_was(client):
    content = client.write("killed", 40 * MIB + 3)
    child = client.start("put", "killed")
    eventually(lambda: (client.acknowledged() or 0) >= 2 * PIECE, 120, "two pieces")
    child.send_signal(signal.SIGKILL)
    child.wait()
    kept = client.acknowledged()
    # What was on its way when it was killed may have come whole.
    assert client.put("killed") in (len(content) - kept, len(content) - kept - PIECE)
    assert client.run("get", "killed", "-o", "-") == content
    assert client.acknowledged() is None
