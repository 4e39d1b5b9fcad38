"""The real Gradle with its HTTP build cache: what one machine builds another gets. Only with
--full."""

import os
import shutil

import pytest
from caches import TENANTS, cache_route, down, issuers, pull_request, run, token

SETTINGS = """
buildCache {
    local { enabled = false }
    remote(HttpBuildCache) {
        url = System.getenv('CACHE_URL')
        push = true
        credentials { username = 'anybody'; password = System.getenv('CACHE_TOKEN') }
    }
}
"""
# No two runs of it write the same, so that equal files show that only one of them ran.
BUILD = """
task app {
    inputs.file 'source'
    outputs.file 'build/when'
    outputs.cacheIf { true }
    doLast { file('build').mkdirs(); file('build/when').text = System.nanoTime().toString() }
}
"""


class Project:
    """A project with one task. No two of these are alike."""

    def __init__(self, folder):
        self.folder, self.home = folder / "project", folder / "home"
        self.folder.mkdir()
        (self.folder / "settings.gradle").write_text(SETTINGS)
        (self.folder / "build.gradle").write_text(BUILD)
        (self.folder / "source").write_text(os.urandom(8).hex())

    def build(self, url, who):
        """Builds with nothing of what was built before; returns the file and what Gradle said."""
        for name in ("build", ".gradle"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "CACHE_URL": url,
            "CACHE_TOKEN": who,
        }
        home = f"--gradle-user-home={self.home}"
        command = ["gradle", "--no-daemon", "--build-cache", home, "app"]
        done = run(command, self.folder, environment)
        assert done.returncode == 0, done.stdout
        assert "BUILD SUCCESSFUL" in done.stdout, done.stdout
        return (self.folder / "build/when").read_text(), done.stdout


@pytest.fixture
def project(folder):
    return Project(folder)


@pytest.fixture(scope="module")
def start(serve, tmp_path_factory):
    """Starts gateways in front of a storage; returns the address."""
    known = issuers(tmp_path_factory.mktemp("keys"))
    routes = [cache_route(f"/{delivery}/", "gradle", delivery) for delivery in ("stream", "redirect")]
    return lambda storage: serve(storage, routes, issuers=known, tenants=TENANTS).url


@pytest.fixture(scope="module")
def url(start, embedded):
    return start(embedded)


@pytest.mark.parametrize("delivery", ["stream", "redirect"])
def test_what_was_built_comes_back(url, project, delivery):
    endpoint = f"{url}/{delivery}/"
    built, said = project.build(endpoint, token())
    assert "FROM-CACHE" not in said
    # Who has only the right to read gets it all the same.
    for who in (token(), pull_request(7)):
        again, said = project.build(endpoint, who)
        assert ":app FROM-CACHE" in said, said
        assert again == built


def test_who_may_only_read_uploads_nothing(url, project):
    project.build(f"{url}/stream/", pull_request(7))
    _, said = project.build(f"{url}/stream/", token())
    assert "FROM-CACHE" not in said, said


def test_storage_that_is_down_stops_no_build(start, embedded, project):
    with down(embedded) as storage:
        url = start(storage)
        for who in (token(), pull_request(7)):
            project.build(f"{url}/stream/", who)
