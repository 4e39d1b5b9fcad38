"""The real Bazel with its HTTP cache: what one machine builds another gets. Only with --full."""

import os

import pytest
from caches import TENANTS, cache_route, down, issuers, pull_request, run, token

# No two runs of it write the same, so that equal files show that only one of them ran.
BUILD = 'genrule(name="app", srcs=["source"], outs=["when"], cmd="date +%s%N > $@")\n'


class Workspace:
    """A workspace with one target. No two of these are alike."""

    def __init__(self, folder):
        self.folder, self.outputs = folder / "workspace", 0
        self.folder.mkdir()
        (self.folder / "WORKSPACE").touch()
        (self.folder / "BUILD").write_text(BUILD)
        self.change()

    def change(self):
        """Makes another state, which has to be built anew."""
        (self.folder / "source").write_text(os.urandom(8).hex())

    def build(self, *flags):
        """Builds with nothing of what was built before; returns the file and what Bazel said."""
        self.outputs += 1
        root = self.folder.with_name(f"outputs-{self.outputs}")
        command = ["bazel", "--batch", f"--output_user_root={root}", "build", "//:app", *flags]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        command += ["--spawn_strategy=local", "--remote_timeout=10"]
        done = run(command, self.folder, environment)
        assert done.returncode == 0, done.stdout
        return (self.folder / "bazel-bin/when").read_text(), done.stdout


def bearer(endpoint, who):
    return f"--remote_cache={endpoint}", f"--remote_header=Authorization=Bearer {who}"


def basic(endpoint, who):
    return (f"--remote_cache={endpoint.replace('://', f'://anybody:{who}@')}",)


@pytest.fixture
def workspace(folder):
    return Workspace(folder)


@pytest.fixture(scope="module")
def start(serve, tmp_path_factory):
    """Starts gateways in front of a storage; returns the address."""
    known = issuers(tmp_path_factory.mktemp("keys"))
    layout = "bazel/{tenant}/{hash}"
    routes = [cache_route("/stream/", "bazel", "stream") | {"layout": layout}]
    return lambda storage: serve(storage, routes, issuers=known, tenants=TENANTS).url


@pytest.fixture(scope="module")
def url(start, embedded):
    return start(embedded)


@pytest.mark.parametrize("credential", [bearer, basic])
def test_what_was_built_comes_back(url, workspace, credential):
    endpoint = f"{url}/stream"
    built, said = workspace.build(*credential(endpoint, token()))
    assert "1 remote cache hit" not in said
    assert "WARNING" not in said, said
    # Who has only the right to read gets it all the same.
    for who in (token(), pull_request(7)):
        again, said = workspace.build(*credential(endpoint, who))
        assert "1 remote cache hit" in said, said
        assert again == built


def test_who_may_only_read_uploads_nothing(url, workspace):
    workspace.build(*bearer(f"{url}/stream", pull_request(7)))
    _, said = workspace.build(*bearer(f"{url}/stream", token()))
    assert "remote cache hit" not in said, said


def test_storage_that_is_down_stops_no_build(start, embedded, workspace):
    with down(embedded) as storage:
        url = start(storage)
        for who in (token(), pull_request(7)):
            workspace.build(*bearer(f"{url}/stream", who))
