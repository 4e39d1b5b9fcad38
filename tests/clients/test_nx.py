"""The real nx with its self-hosted remote cache: what one checkout builds another gets."""

import json
import os
import shutil
from pathlib import Path

import pytest
from caches import TENANTS, cache_route, down, issuers, pull_request, run, token
from process import tool

NX = tool("nx@24.0.6", "nx")
PACKAGES = ("lib", "app")
# No two runs of it write the same, so that equal files show that only one of them ran.
BUILD = "mkdir -p dist && date +%s%N > dist/when && date +%s%N >> dist/when"


class Workspace:
    """Two projects, one of which needs the other. No two of these are alike, but for copies."""

    def __init__(self, folder):
        self.folder, self.home = folder / "workspace", folder / "home"
        self.home.mkdir()
        for name in PACKAGES:
            build = {"command": BUILD, "options": {"cwd": f"packages/{name}"}}
            needs = {"implicitDependencies": ["lib"]} if name == "app" else {}
            project = {"name": name, "targets": {"build": build}} | needs
            self.write(f"packages/{name}/project.json", project)
        outputs = ["{projectRoot}/dist"]
        build = {"cache": True, "dependsOn": ["^build"], "outputs": outputs}
        self.write("nx.json", {"targetDefaults": {"build": build}, "analytics": False})
        self.write("package.json", {"name": "web", "private": True})
        (self.folder / ".gitignore").write_text("node_modules\n.nx\ndist\n")
        (self.folder / "node_modules").symlink_to(Path(NX).parents[1])
        self.change("lib")

    def write(self, path, content):
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))

    def change(self, name):
        """Makes another state, in which this project has to be built anew."""
        (self.folder / "packages" / name / "source").write_text(os.urandom(8).hex())

    def nx(self, url, bearer_token, *arguments):
        """Runs nx with nothing of the machine's own settings."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "NX_DAEMON": "false",
            "NX_SELF_HOSTED_REMOTE_CACHE_SERVER": url,
            "NX_SELF_HOSTED_REMOTE_CACHE_ACCESS_TOKEN": bearer_token,
        }
        return run([NX, *arguments], self.folder, environment)

    def build(self, url, bearer_token):
        """Builds both; returns what nx said."""
        done = self.nx(url, bearer_token, "run-many", "--targets=build", "--outputStyle=static")
        assert done.returncode == 0, done.stdout
        assert "Successfully ran target build for 2 projects" in done.stdout, done.stdout
        return done.stdout

    def forget(self):
        """Deletes all that was built, and all that nx remembers of it."""
        done = self.nx("", "", "reset")
        assert done.returncode == 0, done.stdout
        shutil.rmtree(self.folder / ".nx", ignore_errors=True)
        for name in PACKAGES:
            shutil.rmtree(self.folder / "packages" / name / "dist", ignore_errors=True)

    def built(self):
        """What the builds wrote, or None for what is not there."""
        files = {name: self.folder / "packages" / name / "dist/when" for name in PACKAGES}
        return {name: file.read_text() if file.exists() else None for name, file in files.items()}


@pytest.fixture
def workspace(folder):
    return Workspace(folder)


@pytest.fixture(scope="module")
def routes():
    return [cache_route(f"/{delivery}/", "nx", delivery) for delivery in ("stream", "redirect")]


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    return issuers(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def url(embedded, serve, routes, known):
    return serve(embedded, routes, issuers=known, tenants=TENANTS).url


@pytest.mark.parametrize("delivery", ["stream", "redirect"])
def test_what_was_built_comes_back(url, workspace, delivery):
    remote = f"{url}/{delivery}"
    assert "[remote cache]" not in workspace.build(remote, token())
    first = workspace.built()
    assert all(first.values())
    # Who has only the right to read gets it all the same.
    for who in (token(), pull_request(7)):
        workspace.forget()
        assert workspace.built() == {"lib": None, "app": None}
        assert workspace.build(remote, who).count("[remote cache]") == 2
        assert workspace.built() == first


def test_who_may_only_read_uploads_nothing(url, workspace):
    remote = f"{url}/stream"
    workspace.build(remote, pull_request(7))
    first = workspace.built()
    workspace.forget()
    # Nothing came of the first build, so everything is built anew, and kept this time.
    assert "[remote cache]" not in workspace.build(remote, token())
    assert all(workspace.built()[name] != first[name] for name in PACKAGES)
    workspace.change("app")
    workspace.forget()
    assert workspace.build(remote, pull_request(7)).count("[remote cache]") == 1


def test_storage_that_is_down_stops_no_build(embedded, serve, routes, known, workspace):
    with down(embedded) as storage:
        gateway = serve(storage, routes, issuers=known, tenants=TENANTS)
        for who in (token(), pull_request(7)):
            workspace.build(f"{gateway.url}/stream", who)
            assert all(workspace.built().values())
            workspace.forget()
