"""Resumable uploads as the IETF has them, with a client of our own, and with tus-js-client, which
speaks a version of the draft before interim answers."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from caches import pull_request, token
from process import eventually
from resumable import FALSE, INTEROP, PROBLEM, SUPPORTED, TRUE, Uploader, limits, sha256_field
from tus import Tus
from uploads import GONE, MIB, ORIGIN, SIZES, content_of, downloaded, replicas, single
from web import request

LARGE = 40 * MIB
CHUNK = 3 * MIB
# Where a connection ends: in the middle of an upload.
CUT = 25 * MIB
MISSING = "0190b1a4-7c1e-7d0f-8a5e-0123456789ab"


@pytest.fixture(scope="module")
def gateway(embedded, serve, tmp_path_factory):
    return single("resumable", embedded, serve, tmp_path_factory.mktemp("resumable"))


@pytest.fixture
def uploader(gateway):
    return Uploader(gateway.url)


@pytest.fixture(params=["redis", "bucket"])
def pair(request, serve, folder):
    """The route on two gateways that share their state, and the gateways."""
    gateways = replicas("resumable", request.param, request.getfixturevalue, serve, folder)
    return [Uploader(gateway.url) for gateway in gateways], gateways


def problem(answer):
    """The kind of a problem, and all that is told of it."""
    assert answer.headers["content-type"].split(";")[0] == "application/problem+json"
    told = json.loads(answer.body)
    return told["type"].removeprefix(PROBLEM), told


@pytest.mark.parametrize("size", SIZES)
def test_all_at_once(uploader, folder, size):
    """And the upload's URL is told before the bytes are sent."""
    _, content = content_of(folder, size)
    asked = uploader.begin(size)
    supported = asked.next()
    assert supported.status == SUPPORTED
    assert supported.headers["upload-draft-interop-version"] == INTEROP
    url = uploader.located(supported)
    assert limits(supported)
    asked.send(content)
    answer = asked.answer()
    assert answer.status in (200, 201, 204), answer.body
    assert answer.headers["upload-complete"] == TRUE
    for interim in asked.interim[1:]:
        assert (interim.status, "location" in interim.headers) == (SUPPORTED, False)
    looked = uploader.look(url)
    assert looked.status in (200, 204)
    assert looked.headers["upload-complete"] == TRUE
    assert looked.headers["upload-offset"] == looked.headers["upload-length"] == str(size)
    downloaded(url, content)


@pytest.mark.parametrize("size", SIZES)
def test_little_by_little(uploader, folder, size):
    _, content = content_of(folder, size)
    url = uploader.created(upload_length=str(size))
    for offset in range(0, size, CHUNK):
        looked = uploader.look(url)
        assert (looked.headers["upload-offset"], looked.headers["upload-complete"]) == (str(offset), FALSE)
        assert looked.headers["upload-length"] == str(size)
        assert looked.headers["cache-control"] == "no-store"
        assert limits(looked)
        answer = uploader.append(url, offset, content[offset : offset + CHUNK], is_complete=False)
        assert answer.status in (200, 201, 204), answer.body
        assert answer.headers["upload-complete"] == FALSE
    # All is there, and the upload is not complete before somebody says so.
    answer = uploader.append(url, size, b"")
    assert answer.status in (200, 201, 204), answer.body
    assert answer.headers["upload-complete"] == TRUE
    downloaded(url, content)


def test_a_length_that_nobody_said(uploader):
    url = uploader.created()
    assert "upload-length" not in uploader.look(url).headers
    asked = uploader.appending(url, 0, None, is_complete=False)
    asked.send(b"abc")
    assert asked.answer().headers["upload-complete"] == FALSE
    assert "upload-length" not in uploader.look(url).headers
    asked = uploader.appending(url, 3, None)
    asked.send(b"def")
    assert asked.answer().headers["upload-complete"] == TRUE
    assert uploader.look(url).headers["upload-length"] == "6"
    downloaded(url, b"abcdef")


@pytest.mark.parametrize("interop", [None, "3", "6", "99", "x"])
def test_nobody_gets_interim_answers_unasked(gateway, interop):
    """Clients that take them for final ones would break; the upload works all the same."""
    other = Uploader(gateway.url, interop=interop)
    answer, interim = other.create(b"abc", is_complete=True)
    assert (interim, answer.headers["upload-complete"]) == ([], TRUE)
    url = other.created()
    assert other.append(url, 0, b"abc").headers["upload-complete"] == TRUE
    downloaded(url, b"abc")


def test_interim_answers_do_not_stand_for_continue(uploader):
    asked = uploader.begin(3, expect="100-continue")
    before = [asked.next().status, asked.next().status]
    assert sorted(before) == [100, SUPPORTED]
    asked.send(b"abc")
    assert asked.answer().headers["upload-complete"] == TRUE


def test_connections_outlive_interim_answers(uploader):
    asked = uploader.begin(3, connection="keep-alive")
    assert asked.next().status == SUPPORTED
    asked.send(b"abc")
    answer = asked.next()
    while answer.status < 200:
        answer = asked.next()
    assert answer.headers.get("connection", "keep-alive").lower() == "keep-alive"
    asked.close()


def test_a_cut_upload_goes_on_on_another_replica(pair, folder):
    (one, two), _ = pair
    _, content = content_of(folder, LARGE)
    asked = one.begin(LARGE)
    url = two.here(one.located(asked.next()))
    asked.send(content[:CUT])
    asked.reset()
    # What had arrived is not sent again, but for the last of it.
    offset = eventually(lambda: at_least(two, url, CUT - 17 * MIB), what="what had arrived")
    assert offset <= CUT
    eventually(lambda: goes_on(two, url, content), what="the rest taken")
    for replica in (one, two):
        downloaded(replica.here(url), content)


def at_least(uploader, url, size):
    """The offset of an upload, once it is so far."""
    offset = uploader.offset(url)
    return offset if offset >= size else None


def goes_on(uploader, url, content):
    """Whether the rest of an upload is taken. A gateway may still be at what came before a cut, and
    then it says to try again."""
    offset = uploader.offset(url)
    answer = uploader.append(url, offset, content[offset:])
    assert answer.status in (201, 409), answer.body
    return answer.status == 201


def test_another_replica_goes_on_after_a_kill(pair, folder):
    (one, two), gateways = pair
    _, content = content_of(folder, LARGE)
    asked = one.begin(LARGE)
    url = two.here(one.located(asked.next()))
    asked.send(content[:CUT])
    # As soon as some of it is known elsewhere.
    eventually(lambda: two.look(url).headers.get("upload-offset", "0") != "0", what="some bytes")
    gateways[0].stop()
    asked.close()
    offset = two.offset(url)
    assert 0 < offset <= CUT
    answer = two.append(url, offset, content[offset:])
    assert answer.headers["upload-complete"] == TRUE, answer
    downloaded(url, content)


def test_an_answer_that_got_lost(gateway, relay_to):
    """Then the upload is complete, and that is what its owner finds."""
    relay = relay_to(gateway.url)
    uploader, through = Uploader(gateway.url), Uploader(relay.url)
    url = uploader.created()
    trap = relay.trap(b"PATCH /", "answer")
    asked = through.appending(through.here(url), 0, 3)
    asked.send(b"abc")
    trap.wait()
    trap.cut()
    asked.close()
    looked = eventually(lambda: done(uploader.look(url)), what="a complete upload")
    assert looked.headers["upload-offset"] == "3"
    downloaded(url, b"abc")


def done(answer):
    return answer if answer.headers.get("upload-complete") == TRUE else None


def test_of_writers_at_the_same_offset_one_wins(pair):
    (one, two), _ = pair
    size = 2 * MIB
    contents = [bytes([number]) * size for number in range(8)]
    url = one.created(upload_length=str(size))
    writers = [(one, two)[number % 2] for number in range(len(contents))]
    writers = [writer.appending(writer.here(url), 0, size) for writer in writers]

    def write(writer, content):
        writer.send(content)
        try:
            return writer.answer().status
        except (AssertionError, OSError):
            # It was ended in favour of another one, as the draft recommends.
            return None

    with ThreadPoolExecutor(len(writers)) as pool:
        statuses = list(pool.map(write, writers, contents))
    winners = [number for number, status in enumerate(statuses) if status and status < 300]
    assert len(winners) == 1, statuses
    downloaded(two.here(url), contents[winners[0]])


@pytest.mark.parametrize("offset", [0, 2, 4])
def test_another_offset(uploader, offset):
    url = uploader.created(upload_length="6")
    assert uploader.append(url, 0, b"abc", is_complete=False).status < 300
    answer = uploader.append(url, offset, b"def")
    assert answer.status == 409
    assert (answer.headers["upload-offset"], answer.headers["upload-complete"]) == ("3", FALSE)
    kind, told = problem(answer)
    assert kind == "mismatching-upload-offset"
    assert (told["expected-offset"], told["provided-offset"]) == (3, offset)
    assert uploader.append(url, 3, b"def").headers["upload-complete"] == TRUE
    downloaded(url, b"abcdef")


def test_lengths_that_contradict_each_other(uploader):
    answer, _ = uploader.create(b"abc", is_complete=True, upload_length="4")
    assert (answer.status, problem(answer)[0]) == (400, "inconsistent-upload-length")
    url = uploader.created(upload_length="6")
    for body, more in ((b"abc", {}), (b"abcdef", {"upload_length": "7"})):
        answer = uploader.append(url, 0, body, **more)
        assert (answer.status, problem(answer)[0]) == (400, "inconsistent-upload-length")
        assert answer.headers.get("upload-complete", FALSE) == FALSE


def test_more_bytes_than_were_announced(uploader):
    url = uploader.created(upload_length="3")
    asked = uploader.appending(url, 0, None, is_complete=False)
    asked.send(b"abcdef")
    assert 400 <= asked.answer().status < 500
    # None of them counts. The draft would have the upload end there.
    assert uploader.offset(url) == 0
    assert uploader.append(url, 0, b"abc").headers["upload-complete"] == TRUE
    downloaded(url, b"abc")


def test_nothing_more_for_what_is_complete(uploader):
    """Whose last answer was lost may ask again; it is either told the same again, or no."""
    url = uploader.created()
    assert uploader.append(url, 0, b"abc").headers["upload-complete"] == TRUE
    again = uploader.append(url, 3, b"")
    assert again.headers.get("upload-complete") == TRUE or 400 <= again.status < 500
    assert 400 <= uploader.append(url, 3, b"d").status < 500
    assert 400 <= uploader.append(url, 0, b"xyz").status < 500
    downloaded(url, b"abc")


@pytest.mark.parametrize("fields, status", [
    ({"content_type": None}, 415),
    ({"content_type": "application/octet-stream"}, 415),
    ({"upload_offset": None}, 400),
    ({"upload_offset": "zero"}, 400),
    ({"upload_offset": "-1"}, 400),
    ({"upload_complete": None}, 400),
    ({"upload_complete": "1"}, 400),
])
def test_bytes_that_do_not_fit(uploader, fields, status):
    url = uploader.created()
    assert uploader.append(url, 0, b"abc", **fields).status == status
    assert uploader.offset(url) == 0


def test_parameters_are_none_of_our_business(uploader):
    url = uploader.created()
    answer = uploader.append(url, 0, b"abc", upload_complete="?1;q=1", upload_offset="0;a")
    assert answer.headers["upload-complete"] == TRUE


def test_cancelling(uploader, embedded):
    url = uploader.created()
    assert uploader.append(url, 0, b"abc", is_complete=False).status < 300
    name = url.rsplit("/", 1)[1]
    assert uploader.cancel(url).status in (200, 204)
    assert uploader.look(url).status in GONE
    assert uploader.append(url, 3, b"def").status in GONE
    eventually(lambda: not embedded.keys(f".casgate/uploads/{name}"), what="its bytes deleted")


def test_what_is_complete_stays(uploader):
    """Others may have it by now."""
    url = uploader.created()
    assert uploader.append(url, 0, b"abc").headers["upload-complete"] == TRUE
    assert uploader.cancel(url).status == 409
    downloaded(url, b"abc")


def test_what_the_server_can_do(uploader):
    answer = request(uploader.endpoint, "OPTIONS")
    assert answer.status in (200, 204)
    members = [member.strip().split("=")[0] for member in answer.headers["upload-limit"].split(",")]
    assert set(members) <= {"max-size", "min-size", "max-append-size", "min-append-size", "max-age"}


def test_a_browser_may_upload(uploader):
    origin = {"origin": ORIGIN}
    url = uploader.created()
    asked = {"access_control_request_method": "PATCH", "access_control_request_headers": "upload-offset"}
    preflight = request(url, "OPTIONS", **origin, **asked)
    assert preflight.status in (200, 204)
    allowed = preflight.headers["access-control-allow-headers"].lower().replace(" ", "").split(",")
    needed = {"authorization", "content-type", "upload-offset", "upload-length", "upload-complete",
              "upload-draft-interop-version"}
    assert needed <= set(allowed)
    created, _ = uploader.create(**origin)
    exposed = created.headers["access-control-expose-headers"].lower().replace(" ", "").split(",")
    assert {"location", "upload-offset", "upload-complete", "upload-length", "upload-limit"} <= set(exposed)


def test_digests_of_one_request(uploader):
    url = uploader.created()
    refused = uploader.append(url, 0, b"abc", is_complete=False, content_digest=sha256_field(b"abd"))
    assert refused.status == 400
    assert uploader.offset(url) == 0
    taken = uploader.append(url, 0, b"abc", is_complete=False, content_digest=sha256_field(b"abc"))
    assert taken.status < 300
    assert uploader.append(url, 3, b"def", content_digest=sha256_field(b"def")).status < 300
    downloaded(url, b"abcdef")


def test_a_download_has_the_name_that_was_given(uploader):
    name = {"content_disposition": 'inline; filename="report.txt"', "content_type": "text/plain"}
    asked = uploader.begin(3, **name)
    url = uploader.located(asked.next())
    asked.send(b"abc")
    assert asked.answer().status < 300
    assert "report.txt" in downloaded(url, b"abc").headers["content-disposition"]


def test_uploads_that_there_are_not(uploader):
    for name in (MISSING, "nonsense"):
        url = uploader.endpoint + name
        answers = (uploader.look(url), uploader.append(url, 0, b"abc"), uploader.cancel(url))
        for answer in answers:
            assert answer.status in (400, *GONE)
            assert "upload-offset" not in answer.headers


def test_who_may_only_read_uploads_nothing(gateway, uploader):
    reader, stranger = Uploader(gateway.url, pull_request(7)), Uploader(gateway.url, token(aud="another"))
    for who, status in ((reader, 403), (stranger, 401)):
        answer, interim = who.create(b"abc", is_complete=True)
        assert (answer.status, interim) == (status, [])
        url = uploader.created()
        for is_complete in (False, True):
            assert who.append(url, 0, b"abc", is_complete).status == status
            assert uploader.offset(url) == 0
        assert who.cancel(url).status == status
        assert uploader.offset(url) == 0


@pytest.mark.parametrize("chunk", [None, CHUNK], ids=["whole", "chunks"])
@pytest.mark.parametrize("size", [1, 5 * MIB + 1, LARGE])
def test_tus_js_client_uploads(gateway, folder, size, chunk):
    """Not from files: there it says of the last of several requests that more will come."""
    file, content = content_of(folder, size)
    options = {"protocol": "ietf-draft-05"} | ({"chunkSize": chunk} if chunk else {})
    step = {"call": "upload", "file": str(file), "as": "buffer", "options": options}
    (done,) = Tus(gateway.url).javascript(step)
    downloaded(done["url"], content)


def test_tus_js_client_goes_on_after_its_connection_was_cut(gateway, folder, relay_to):
    relay = relay_to(gateway.url)
    file, content = content_of(folder, LARGE)
    relay.cut_requests_after(CUT)
    options = {"protocol": "ietf-draft-05"}
    step = {"call": "upload", "file": str(file), "as": "buffer", "options": options}
    (done,) = Tus(relay.url).javascript(step)
    asked = [each["method"] for each in done["requests"]]
    assert asked.count("POST") == 1
    downloaded(Tus(gateway.url).here(done["url"]), content)
