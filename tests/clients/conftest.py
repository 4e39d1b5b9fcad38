"""Fixtures: the servers a test needs, running before it and gone after it."""

import itertools
import json
import os

import pytest
from process import WORK, Casgate
from s3 import Storage, configuration

numbers = itertools.count()


def new_folder(name):
    """A new folder below WORK."""
    folder = WORK / f"{name}-{os.getpid()}-{next(numbers)}"
    folder.mkdir()
    return folder


@pytest.fixture
def folder():
    return new_folder("test")


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
