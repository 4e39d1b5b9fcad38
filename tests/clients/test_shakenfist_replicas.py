"""Shaken Fist's client before replicas that share a bucket and a store: every request may go to
another one, and the death of one ends nothing.
"""

import dataclasses
import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from onetime import start_all
from shakenfist import MIB, PATH, ShakenFist, digest, front_of, started, written

FULL = os.environ.get("CASGATE_TESTS_FULL")
SIZE = 9 * MIB + 1
CHUNK = r"^POST \S*/upload/[0-9a-f-]+$"
CONVERT = r"^POST \S*/artifacts/upload/"


@pytest.fixture(params=["redis", "bucket"] if FULL else ["redis"])
def state(request):
    """Where replicas keep what they have to agree on."""
    if request.param == "bucket":
        return {"bucket": {"bucket": "artifacts"}}
    return {"redis": {"servers": [request.getfixturevalue("redis").server]}}


@pytest.fixture
def replicas(embedded, serve, folder, state):
    return start_all(2, lambda number: started(serve, embedded, folder / str(number), state))


@pytest.fixture
def front(replicas):
    front = front_of(*replicas)
    yield front
    front.stop()


@pytest.fixture
def demo(front):
    return ShakenFist(front.url + PATH)


@pytest.fixture
def name(request):
    """A name that no other test uses."""
    return re.sub(r"\W+", "-", request.node.name) + os.urandom(4).hex()


def test_every_request_may_go_to_another_replica(demo, replicas, folder, name):
    file = written(folder, SIZE, name)
    artifact, sent = demo.upload(name, file)
    assert sent
    for replica in replicas:
        client = ShakenFist(replica.url + PATH)
        assert client.show(name)["uuid"] == artifact
        assert client.download(name, folder / "got") == digest(file)
    assert demo.upload(f"{name}-again", file)[1] is False
    ShakenFist(replicas[0].url + PATH).artifact("delete", name).ok()
    ShakenFist(replicas[1].url + PATH).artifact("show", name).failed("Resource not found")


@pytest.mark.parametrize("replica", [0, 1])
@pytest.mark.parametrize("moment", ["request", "body", "sent", "answered"])
def test_the_death_of_a_replica_ends_no_upload(demo, front, replicas, folder, name, moment, replica):
    file = written(folder, SIZE, name)
    # The requests alternate between the two: one of them has this chunk, the other had the last.
    fault = front.at(moment, CHUNK, 3, replicas[replica].stop)
    assert demo.upload(name, file)[1]
    assert fault.happened
    assert demo.download(name, folder / "got") == digest(file)
    assert list(demo.versions(name)) == [1]


@pytest.mark.parametrize("replica", [0, 1])
@pytest.mark.parametrize("moment", ["body", "sent", "answered"])
def test_the_death_of_a_replica_makes_no_half_artifact(demo, front, replicas, folder, name, moment, replica):
    file = written(folder, SIZE, name)
    fault = front.at(moment, CONVERT, 0, replicas[replica].stop)
    demo.artifact("upload", name, file)
    assert fault.happened
    for entry in demo.list().values():
        if entry["source_url"].endswith(name):
            assert demo.download(name, folder / "got") == digest(file)
    demo.upload(name, file)
    assert demo.download(name, folder / "got") == digest(file)
    assert list(demo.versions(name)) == [1]


# Requests to storage while an artifact is made: what looks for the parts, and what makes a whole of them.
@pytest.mark.parametrize("hold", ["request", "answer"])
@pytest.mark.parametrize("needle", [b"uploads=", b"x-amz-copy-source:", b"<CompleteMultipartUpload"])
def test_another_replica_ends_what_one_began(embedded, serve, relay_to, folder, state, name, needle, hold):
    storage = relay_to(embedded.endpoint)
    weak = dataclasses.replace(embedded, endpoint=storage.url)
    dying = started(serve, weak, folder / "dying", state)
    other = started(serve, embedded, folder / "other", state)
    file, client = written(folder, SIZE, name), ShakenFist(dying.url + PATH)
    trap = storage.trap(needle, hold)
    with ThreadPoolExecutor(1) as pool:
        upload = pool.submit(client.artifact, "upload", name, file)
        trap.wait()
        dying.stop()
        trap.cut()
        assert upload.result().code == 1
    client = ShakenFist(other.url + PATH)
    assert name not in [entry["source_url"].rsplit("/", 1)[-1] for entry in client.list().values()]
    client.upload(name, file)
    assert client.download(name, folder / "got") == digest(file)
    assert list(client.versions(name)) == [1]


def test_versions_that_replicas_add_at_once_are_all_kept(demo, replicas, folder, name):
    demo.upload(name, written(folder, 1000, name))
    demo.artifact("max-versions", name, 100).ok()
    files = [written(folder, 1000, f"{name} {number}") for number in range(10)]
    clients = [ShakenFist(replica.url + PATH) for replica in replicas]

    def upload(number):
        return clients[number % 2].upload(name, files[number])

    with ThreadPoolExecutor(len(files)) as pool:
        made = set(pool.map(upload, range(len(files))))
    assert len(made) == 1
    for client in clients:
        versions = client.versions(name)
        assert list(versions) == list(range(1, 12))
        assert {blob["sha512"] for blob in versions.values()} >= {digest(file) for file in files}
