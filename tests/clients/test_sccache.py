"""The real sccache over WebDAV: what one machine compiles another gets."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from caches import TENANTS, cache_route, issuers, pull_request, token
from process import Process, eventually

SCCACHE = Path(sys.executable).with_name("sccache")


class Machine:
    """A server of sccache, which has nothing when it starts but the address of the cache."""

    def __init__(self, folder, endpoint, bearer_token):
        folder.mkdir()
        self.folder, self.program = folder, folder / "sccache"
        self.program.symlink_to(SCCACHE)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "SCCACHE_CONF": str(folder / "none"),
            "SCCACHE_SERVER_UDS": str(folder / "socket"),
            "SCCACHE_WEBDAV_ENDPOINT": endpoint,
            "SCCACHE_WEBDAV_TOKEN": bearer_token,
        }
        server = self.environment | {"SCCACHE_START_SERVER": "1", "SCCACHE_NO_DAEMON": "1"}
        self.server = Process(folder / "server", self.program, environment=server)
        listening = (folder / "socket").exists
        eventually(listening, what=f"a socket of sccache: {self.server.output()}")

    def run(self, *arguments):
        return subprocess.run(
            [self.program, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout

    def compile(self, source):
        """The object file of some C."""
        (self.folder / "some.c").write_text(source)
        self.run("cc", "-c", "some.c", "-o", "some.o")
        return (self.folder / "some.o").read_bytes()

    def counts(self):
        """What became of everything compiled so far, once no write is under way."""

        def settled():
            stats = json.loads(self.run("--show-stats", "--stats-format=json"))["stats"]
            hits, misses = (
                sum(stats[name]["counts"].values()) for name in ("cache_hits", "cache_misses")
            )
            written, failed = stats["cache_writes"], stats["cache_write_errors"]
            counts = {"hits": hits, "misses": misses, "written": written, "failed": failed}
            return counts if misses == written + failed else None

        return eventually(settled, what="the end of sccache's writes")


@pytest.fixture
def machine(folder):
    """Starts machines: `machine(endpoint, token)`."""
    started = []

    def start(endpoint, bearer_token):
        started.append(Machine(folder / str(len(started)), endpoint, bearer_token))
        return started[-1]

    yield start
    for one in started:
        one.server.stop()


@pytest.fixture(scope="module")
def url(embedded, serve, tmp_path_factory):
    known = issuers(tmp_path_factory.mktemp("keys"))
    routes = [cache_route(f"/{delivery}/", "sccache", delivery) for delivery in ("stream", "redirect")]
    return serve(embedded, routes, issuers=known, tenants=TENANTS).url


def source():
    """C that nobody has compiled before."""
    return f"int answer(void) {{ return {int.from_bytes(os.urandom(3), 'big')}; }}\n"


@pytest.mark.parametrize("delivery", ["stream", "redirect"])
def test_what_was_compiled_comes_back(url, machine, delivery):
    text, endpoint = source(), f"{url}/{delivery}"
    first = machine(endpoint, token())
    compiled = first.compile(text)
    assert first.counts() == {"hits": 0, "misses": 1, "written": 1, "failed": 0}
    # Who has only the right to read gets it all the same.
    for who in (token(), pull_request(7)):
        other = machine(endpoint, who)
        assert other.compile(text) == compiled
        assert other.counts() == {"hits": 1, "misses": 0, "written": 0, "failed": 0}


def test_who_may_only_read_uploads_nothing(url, machine):
    text, endpoint = source(), f"{url}/stream"
    reader = machine(endpoint, pull_request(7))
    assert reader.compile(text)
    main = machine(endpoint, token())
    assert main.compile(text)
    assert main.counts() == {"hits": 0, "misses": 1, "written": 1, "failed": 0}
