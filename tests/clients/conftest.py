"""Fixtures: the servers a test needs, running before it and gone after it."""

import itertools
import json
import os

import onetime
import pytest
from browser import Browser
from process import WORK, Casgate
from redis_servers import Redis
from relay import Relay
from s3 import Storage, configuration

numbers = itertools.count()
MEASURED = pytest.StashKey()


def new_folder(name):
    """A new folder below WORK."""
    folder = WORK / f"{name}-{os.getpid()}-{next(numbers)}"
    folder.mkdir()
    return folder


@pytest.fixture
def measured(request):
    """Takes lines that are shown when all tests have ended."""
    return request.config.stash.setdefault(MEASURED, []).append


def pytest_terminal_summary(terminalreporter, config):
    for line in config.stash.get(MEASURED, []):
        terminalreporter.write_line(line)


@pytest.fixture
def folder():
    return new_folder("test")


@pytest.fixture
def browser(folder):
    """A new chromium with a new profile."""
    started = Browser(folder)
    yield started
    started.close()


@pytest.fixture(scope="session")
def dev():
    """A running `casgate dev`."""
    server = Casgate.dev(new_folder("dev"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def embedded(dev):
    """The S3 server inside of `casgate dev`."""
    return Storage(name="embedded", **dev.ready["s3"])


@pytest.fixture(scope="session")
def radosgw():
    """Ceph's S3 server, which tests/run started."""
    facts = os.environ.get("CASGATE_RADOSGW")
    assert facts, "radosgw did not start; see the output of tests/services/radosgw.sh above"
    storage = Storage(name="radosgw", bucket=f"artifacts-{os.getpid()}", **json.loads(facts))
    storage.client.create_bucket(Bucket=storage.bucket)
    return storage


@pytest.fixture(scope="session", params=["embedded", "radosgw"])
def each_storage(request):
    """Every S3 server in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def redis():
    """A Redis server that keeps nothing when it ends."""
    server = Redis(new_folder("redis"))
    yield server
    server.stop()


@pytest.fixture(scope="module", params=onetime.REPLICAS)
def each_fleet(request, serve):
    """Replicas with single-use links, over every store in turn."""
    return onetime.fleet(request.param, request.getfixturevalue, serve, new_folder("fleet"))


@pytest.fixture(scope="module")
def serve():
    """Starts gateways: `serve(storage, routes, **more of the configuration)`."""
    started = []

    def start(storage, routes, **more):
        folder = new_folder("gateway")
        started.append(Casgate.run(folder, configuration(storage, folder, routes, **more)))
        return started[-1]

    yield start
    for gateway in started:
        gateway.stop()


@pytest.fixture
def relay_to():
    """Starts relays: `relay_to(server)`."""
    started = []

    def start(server):
        started.append(Relay(server))
        return started[-1]

    yield start
    for relay in started:
        relay.stop()
