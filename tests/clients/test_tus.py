"""tus with the clients people have, tuspy and tus-js-client, and what becomes of their uploads when
connections, processes and gateways end."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from caches import token
from process import eventually
from tus import VERSION, Tus, told
from tusclient.exceptions import TusCommunicationError, TusUploadFailed
from tusclient.storage.filestorage import FileStorage
from tusclient.uploader import Uploader
from uploads import GONE, MIB, SIZES, content_of, downloaded, is_gone, replicas, single
from web import bearer, request

LARGE = 40 * MIB
CHUNK = 3 * MIB
# Where a connection ends: in the middle of an upload.
CUT = 25 * MIB
NAMES = {"filename": "größer als 5.bin", "filetype": "application/x-test"}


@pytest.fixture(scope="module")
def gateway(embedded, serve, tmp_path_factory):
    return single("tus", embedded, serve, tmp_path_factory.mktemp("tus"))


@pytest.fixture
def tus(gateway):
    return Tus(gateway.url)


@pytest.fixture(params=["redis", "bucket"])
def pair(request, serve, folder):
    """The route on two gateways that share their state, and the gateways."""
    gateways = replicas("tus", request.param, request.getfixturevalue, serve, folder)
    return [Tus(gateway.url) for gateway in gateways], gateways


def steps(file, **more):
    return {"call": "upload", "file": str(file), **more}


@pytest.mark.parametrize("chunk", [None, CHUNK], ids=["whole", "chunks"])
@pytest.mark.parametrize("size", SIZES)
def test_tuspy_uploads(tus, folder, size, chunk):
    file, content = content_of(folder, size)
    options = {"chunk_size": chunk} if chunk else {}
    uploader = tus.python(file, metadata=NAMES, **options)
    uploader.upload()
    assert uploader.offset == size
    looked = tus.ask(uploader.url, "HEAD")
    assert (looked.headers["upload-offset"], looked.headers["upload-length"]) == (str(size), str(size))
    assert looked.headers["cache-control"] == "no-store"
    assert told(looked) == NAMES
    downloaded(uploader.url, content)


@pytest.mark.parametrize("chunk", [None, CHUNK], ids=["whole", "chunks"])
@pytest.mark.parametrize("size", SIZES)
def test_tus_js_client_uploads(tus, folder, size, chunk):
    file, content = content_of(folder, size)
    options = {"metadata": NAMES} | ({"chunkSize": chunk} if chunk else {})
    (done,) = tus.javascript(steps(file, options=options))
    assert told(tus.ask(done["url"], "HEAD")) == NAMES
    assert [each["method"] for each in done["requests"]].count("POST") == 1
    downloaded(done["url"], content)


@pytest.mark.parametrize("options", [
    {"uploadDataDuringCreation": True},
    {"uploadDataDuringCreation": True, "chunkSize": CHUNK},
    {"overridePatchMethod": True, "chunkSize": CHUNK},
    {"addRequestId": True},
], ids=["creation-with-upload", "creation-with-a-chunk", "override", "request-id"])
@pytest.mark.parametrize("size", [1, 5 * MIB + 1])
def test_ways_of_tus_js_client(tus, folder, size, options):
    file, content = content_of(folder, size)
    (done,) = tus.javascript(steps(file, options=options))
    downloaded(done["url"], content)


@pytest.mark.parametrize("size", [1, 5 * MIB + 1])
def test_a_length_that_is_not_known_at_first(tus, folder, size):
    """No multiples of the chunks: with those, tus-js-client waits for ever for more of a stream."""
    file, content = content_of(folder, size)
    options = {"uploadLengthDeferred": True, "chunkSize": CHUNK}
    (done,) = tus.javascript(steps(file, **{"as": "stream"}, options=options))
    looked = tus.ask(done["url"], "HEAD")
    assert looked.headers["upload-length"] == str(size)
    assert "upload-defer-length" not in looked.headers
    downloaded(done["url"], content)


@pytest.mark.parametrize("chunk", [None, CHUNK], ids=["whole", "chunks"])
def test_tus_js_client_goes_on_after_its_connection_was_cut(gateway, folder, relay_to, chunk):
    relay = relay_to(gateway.url)
    file, content = content_of(folder, LARGE)
    relay.cut_requests_after(CUT)
    options = {"chunkSize": chunk} if chunk else {}
    (done,) = Tus(relay.url).javascript(steps(file, options=options))
    assert relay.requests.left is None, "the connection was not cut"
    asked = [each["method"] for each in done["requests"]]
    # It may ask more than once, while the gateway is still at what came before the cut.
    assert asked.count("POST") == 1
    assert "HEAD" in asked
    downloaded(Tus(gateway.url).here(done["url"]), content)


def test_what_had_arrived_before_a_cut_is_not_sent_again(tus, folder):
    """But for the last of it."""
    _, content = content_of(folder, LARGE)
    url = tus.create(LARGE)
    asked = tus.slowly(url, 0, LARGE)
    asked.send(content[:CUT])
    asked.reset()
    offset = eventually(lambda: at_least(tus, url, CUT - 17 * MIB), what="what had arrived")
    assert offset <= CUT
    eventually(lambda: goes_on(tus, url, content), what="the rest taken")
    downloaded(url, content)


def at_least(tus, url, size):
    """The offset of an upload, once it is so far."""
    offset = tus.offset(url)
    return offset if offset >= size else None


@pytest.mark.parametrize("chunk", [None, CHUNK], ids=["whole", "chunks"])
def test_tuspy_goes_on_after_its_connection_was_cut(gateway, folder, relay_to, chunk):
    relay = relay_to(gateway.url)
    file, content = content_of(folder, LARGE)
    relay.cut_requests_after(CUT, reset=False)
    options = {"chunk_size": chunk} if chunk else {}
    uploader = Tus(relay.url).python(file, retries=5, retry_delay=0, **options)
    uploader.upload()
    assert relay.requests.left is None, "the connection was not cut"
    downloaded(Tus(gateway.url).here(uploader.url), content)


def test_an_answer_that_got_lost_is_no_harm(gateway, folder, relay_to):
    """The bytes are there; the client learns that from HEAD."""
    relay = relay_to(gateway.url)
    file, content = content_of(folder, 5 * MIB + 1)
    trap = relay.trap(b"PATCH /", "answer")
    with ThreadPoolExecutor(1) as pool:
        upload = pool.submit(lambda: Tus(relay.url).javascript(steps(file)))
        trap.wait()
        trap.cut()
        (done,) = upload.result()
    assert [each["method"] for each in done["requests"]] == ["POST", "HEAD"]
    downloaded(Tus(gateway.url).here(done["url"]), content)


def test_another_process_goes_on_with_tus_js_client(tus, folder):
    file, content = content_of(folder, LARGE)
    more = {"storage": str(folder / "urls.json"), "options": {"chunkSize": CHUNK}}
    (begun,) = tus.javascript(steps(file, pauseAt=9 * MIB, **more))
    assert begun["requests"][-1]["status"] == 204
    (done,) = tus.javascript(steps(file, resumes=True, **more))
    assert done["url"] == begun["url"]
    assert [each["method"] for each in done["requests"]][:2] == ["HEAD", "PATCH"]
    assert int(done["requests"][1]["offset"]) == 9 * MIB
    downloaded(done["url"], content)


def test_another_process_goes_on_with_tuspy(tus, folder):
    file, content = content_of(folder, LARGE)
    urls = {"store_url": True, "url_storage": FileStorage(str(folder / "urls.json")), "chunk_size": CHUNK}
    begun = tus.python(file, **urls)
    begun.upload(stop_at=9 * MIB)
    resumed = tus.python(file, **urls)
    assert (resumed.url, resumed.offset) == (begun.url, 9 * MIB)
    resumed.upload()
    downloaded(resumed.url, content)


def test_another_replica_goes_on(pair, folder):
    (one, two), _ = pair
    file, content = content_of(folder, LARGE)
    begun = one.python(file, chunk_size=CHUNK, metadata=NAMES)
    begun.upload(stop_at=12 * MIB)
    # A URL is on its own, as that of an upload that somebody handed over.
    resumed = Uploader(str(file), url=two.here(begun.url), client=begun.client, chunk_size=CHUNK)
    assert resumed.offset == 12 * MIB
    resumed.upload()
    for replica in (one, two):
        assert replica.offset(replica.here(begun.url)) == LARGE
        downloaded(replica.here(begun.url), content)


def test_another_replica_goes_on_after_a_kill(pair, folder):
    (one, two), gateways = pair
    _, content = content_of(folder, LARGE)
    url = one.create(LARGE)
    asked = one.slowly(url, 0, LARGE)
    asked.send(content[:CUT])
    here = two.here(url)
    # As soon as some of it is known elsewhere.
    eventually(lambda: two.ask(here, "HEAD").headers.get("upload-offset", "0") != "0", what="some bytes")
    gateways[0].stop()
    asked.close()
    offset = two.offset(here)
    assert 0 < offset <= CUT
    assert two.patch(here, offset, content[offset:]).status == 204
    downloaded(here, content)


def test_of_writers_at_the_same_offset_one_wins(pair):
    """On two replicas."""
    (one, two), _ = pair
    size = 2 * MIB
    contents = [bytes([number]) * size for number in range(8)]
    url = one.create(size)
    writers = []
    for number in range(len(contents)):
        replica = (one, two)[number % 2]
        writers.append(replica.slowly(replica.here(url), 0, size))

    def write(writer, content):
        writer.send(content)
        return writer.answer().status

    with ThreadPoolExecutor(len(writers)) as pool:
        statuses = list(pool.map(write, writers, contents))
    winners = [number for number, status in enumerate(statuses) if status == 204]
    assert len(winners) == 1, statuses
    assert all(status in (204, 409, 423) for status in statuses), statuses
    downloaded(two.here(url), contents[winners[0]])


def test_a_writer_that_stalls_does_not_keep_others_out(tus):
    """Whichever of the two is refused, nothing is mixed."""
    url = tus.create(2 * MIB)
    slow = tus.slowly(url, 0, 2 * MIB)
    slow.send(b"a" * MIB)
    quick = tus.patch(url, 0, b"b" * 2 * MIB)
    slow.send(b"a" * MIB)
    statuses = {"a": slow.answer().status, "b": quick.status}
    winners = [letter for letter, status in statuses.items() if status == 204]
    assert len(winners) == 1, statuses
    assert set(statuses.values()) <= {204, 409, 423}, statuses
    downloaded(url, winners[0].encode() * 2 * MIB)


def test_a_body_that_breaks_off_is_no_end(tus):
    url = tus.create(1000)
    asked = tus.slowly(url, 0, 1000)
    asked.send(b"x" * 400)
    asked.reset()
    # Once the gateway knows that nobody is there any more, what came counts or does not.
    offset = eventually(lambda: (tus.offset(url),), what="an offset")[0]
    assert offset in (0, 400)
    assert request(url, **bearer(tus.token)).status != 200
    eventually(lambda: goes_on(tus, url, b"x" * 1000), what="the rest taken")
    downloaded(url, b"x" * 1000)


def goes_on(tus, url, content):
    """Whether the rest of an upload is taken. A gateway may still be at what came before a cut, and
    then it says to try again."""
    offset = tus.offset(url)
    status = tus.patch(url, offset, content[offset:]).status
    assert status in (204, 409, 423)
    return status == 204


def test_terminating(tus, embedded, folder):
    file, _ = content_of(folder, LARGE)
    more = {"options": {"chunkSize": CHUNK}}
    (begun,) = tus.javascript(steps(file, pauseAt=20 * MIB, **more))
    name = begun["url"].rsplit("/", 1)[1]
    assert embedded.keys(f".casgate/uploads/{name}")
    tus.javascript({"call": "terminate", "url": begun["url"]})
    assert is_gone(begun["url"], tus_resumable=VERSION)
    assert tus.patch(begun["url"], 20 * MIB, b"x").status in GONE
    assert tus.ask(begun["url"], "DELETE").status in GONE
    eventually(lambda: not embedded.keys(f".casgate/uploads/{name}"), what="its bytes deleted")


def test_what_is_complete_stays(tus):
    """Others may have it by now. The protocol would let it go."""
    url = tus.create(3)
    assert tus.patch(url, 0, b"abc").status == 204
    (error,) = tus.javascript_errors({"call": "terminate", "url": url})
    assert error["status"] == 403
    downloaded(url, b"abc")


def test_a_replica_knows_what_another_one_terminated(pair):
    (one, two), _ = pair
    url = one.create(3)
    assert two.ask(two.here(url), "DELETE").status == 204
    assert one.patch(url, 0, b"abc").status in GONE
    assert is_gone(url, tus_resumable=VERSION)


def test_checksums_of_tuspy(tus, folder):
    file, content = content_of(folder, 5 * MIB + 1)
    uploader = tus.python(file, chunk_size=CHUNK, upload_checksum=True)
    uploader.upload()
    downloaded(uploader.url, content)


def test_nobody_uploads_nothing(gateway, tus, folder):
    stranger = Tus(gateway.url, token(aud="another"))
    file, _ = content_of(folder, 1000)
    (error,) = stranger.javascript_errors(steps(file))
    assert error["status"] == 401
    with pytest.raises((TusCommunicationError, TusUploadFailed)):
        stranger.python(file).upload()
    assert request(tus.create(3), "HEAD", tus_resumable=VERSION).status == 401
