"""Shaken Fist's client while connections are cut and replicas are killed: an upload succeeds, or fails
without leaving an artifact, and can be repeated; nothing is ever stored that was not uploaded.
"""

import dataclasses
import os
import random
import re

import pytest
from front import MOMENTS, cut, reset
from process import eventually
from shakenfist import FIRST_CHUNK, MIB, PATH, ShakenFist, digest, front_of, started, written

FULL = os.environ.get("CASGATE_TESTS_FULL")
SIZE = 3_000_000
SEED = int(os.environ.get("CASGATE_TESTS_SEED", "7"))
CUTS = 200 if FULL else 16
CREATE = r"^POST \S*/upload$"
CHUNK = r"^POST \S*/upload/[0-9a-f-]+$"
CONVERT = r"^POST \S*/artifacts/upload/"
DATA = r"^GET \S*/data"


@pytest.fixture(scope="module")
def gateway(embedded, serve, tmp_path_factory):
    return started(serve, embedded, tmp_path_factory.mktemp("cut"))


@pytest.fixture
def front_to():
    """Starts what stands before gateways: `front_to(gateway, ...)`."""
    fronts = []

    def start(*gateways):
        fronts.append(front_of(*gateways))
        return fronts[-1]

    yield start
    for front in fronts:
        front.stop()


@pytest.fixture
def front(gateway, front_to):
    return front_to(gateway)


@pytest.fixture
def demo(front):
    return ShakenFist(front.url + PATH)


@pytest.fixture
def name(request):
    """A name that no other test uses."""
    return re.sub(r"\W+", "-", request.node.name)


def known(client, name):
    """The artifact of this name, if there is one."""
    source = f"sf://upload/{client.namespace}/{name}"
    return next((entry for entry in client.list().values() if entry["source_url"] == source), None)


def whole(client, name, file, folder):
    """The artifact is there, and is the file."""
    return known(client, name) is not None and client.download(name, folder / "got") == digest(file)


@pytest.mark.parametrize("moment", ["request", "body"])
@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("how", [cut, reset])
def test_a_chunk_that_did_not_come_whole_was_not_sent(demo, front, folder, name, moment, number, how):
    file = written(folder, SIZE, name)
    fault = front.at(moment, CHUNK, number, how)
    assert demo.upload(name, file)[1]
    assert fault.happened
    chunks = front.like(CHUNK)
    assert sum(chunk.size for chunk in chunks if chunk.status == 200) == SIZE
    assert whole(demo, name, file, folder)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_chunk_whose_answer_was_lost_does_not_come_twice(demo, front, folder, name, number):
    file = written(folder, SIZE, name)
    fault = front.at("answered", CHUNK, number)
    # The client sends it again, and finds more on the other side than it sent.
    demo.artifact("upload", name, file).failed("Remote side has")
    assert fault.happened
    assert known(demo, name) is None
    assert demo.upload(name, file)[1]
    assert whole(demo, name, file, folder)


@pytest.mark.parametrize("pattern", [CREATE, CONVERT, "^POST .*/auth$", "^GET .*/blob_checksums/"])
@pytest.mark.parametrize("moment", ["request", "answered"])
def test_what_may_be_asked_twice_is(demo, front, folder, name, pattern, moment):
    file = written(folder, 100_000, name)
    fault = front.at(moment, pattern)
    result = demo.artifact("upload", name, file)
    assert fault.happened
    if pattern.endswith("auth$"):
        # This one the client does not repeat.
        result.failed("Unable to connect to server")
        result = demo.artifact("upload", name, file)
    assert "Created artifact" in result.ok()
    assert whole(demo, name, file, folder)
    assert list(demo.versions(name)) == [1]


def test_any_cut_ends_in_success_or_in_nothing(demo, front, folder, name, measured):
    chosen, happened, succeeded = random.Random(SEED), 0, 0
    for attempt in range(CUTS):
        artifact = f"{name}-{attempt}"
        size = chosen.choice((1, FIRST_CHUNK, SIZE, SIZE))
        file = written(folder, size, artifact)
        # The page twice, a token, a look for the hash, an upload, chunks, and the artifact.
        moment, number = chosen.choice(MOMENTS), chosen.randrange(9 if size == SIZE else 7)
        front.clear()
        fault = front.at(moment, number=number, action=chosen.choice((cut, reset)))
        done = demo.artifact("upload", artifact, file)
        asked = [str(asked) for asked in front.asked]
        where = f"seed {SEED}, attempt {attempt}: {moment} {number} of {asked}"
        # What it is not told of, the client cannot know.
        told = not front.like(CONVERT)
        front.clear()
        happened += fault.happened
        succeeded += done.code == 0
        assert done.code in (0, 1), where
        assert done.code == 0 or not told or known(demo, artifact) is None, where
        demo.upload(artifact, file)
        assert whole(demo, artifact, file, folder), where
        assert list(demo.versions(artifact)) == [1], where
    assert happened >= CUTS // 2
    measured(f"shakenfist_cut: {happened} of {CUTS} uploads were cut, and {succeeded} succeeded")


@pytest.mark.parametrize("times", [1, 3])
def test_a_download_that_is_cut_is_continued(demo, front, folder, name, times):
    file = written(folder, 20 * MIB, name)
    demo.upload(name, file)
    for number in range(times):
        front.at("answer", DATA, number)
    assert demo.download(name, folder / "got") == digest(file)
    offsets = [int(re.search(r"offset=(\d+)", asked.path)[1]) for asked in front.like(DATA)]
    # It goes on from what it has.
    assert (offsets[0], len(set(offsets)), sorted(offsets)) == (0, times + 1, offsets)


@pytest.fixture
def weak(embedded, serve, relay_to, folder, front_to):
    """A client of a gateway whose storage can go away, what stands before that, and the storage."""
    relay = relay_to(embedded.endpoint)
    storage = dataclasses.replace(embedded, endpoint=relay.url)
    front = front_to(started(serve, storage, folder))
    return ShakenFist(front.url + PATH), front, relay


def test_an_upload_waits_for_storage(weak, folder, name):
    client, front, relay = weak
    file = written(folder, SIZE, name)
    faults = [front.at("body", CHUNK, 2, relay.stop), front.at("request", CHUNK, 4, relay.start)]
    assert client.upload(name, file)[1]
    assert all(fault.happened for fault in faults)
    assert whole(client, name, file, folder)


def test_an_upload_fails_where_nobody_waits_for_storage(weak, folder, name):
    client, front, relay = weak
    file = written(folder, SIZE, name)
    fault = front.at("body", CHUNK, 2, relay.stop)
    done = client.run("--async", "continue", "artifact", "upload", name, file)
    relay.start()
    assert (done.code, fault.happened) == (1, True)
    eventually(lambda: client.artifact("list").code == 0, what="an answer")
    assert known(client, name) is None
    client.upload(name, file)
    assert whole(client, name, file, folder)
