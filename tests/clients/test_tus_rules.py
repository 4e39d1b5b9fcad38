"""The rules of tus, with requests that tuspy and tus-js-client do not send."""

import hashlib
import time
from email.utils import parsedate_to_datetime

import pytest
from caches import pull_request, token
from process import eventually
from tus import BYTES, MISMATCH, VERSION, Tus, encoded, metadata, told
from uploads import (
    GONE,
    MIB,
    ORIGIN,
    content_of,
    downloaded,
    is_gone,
    route_of_tenants,
    sections,
    single,
)
from web import bearer, request

# The name of an upload that nobody began.
MISSING = "0190b1a4-7c1e-7d0f-8a5e-0123456789ab"


@pytest.fixture(scope="module")
def gateway(embedded, serve, tmp_path_factory):
    return single("tus", embedded, serve, tmp_path_factory.mktemp("tus"))


@pytest.fixture
def tus(gateway):
    return Tus(gateway.url)


def test_a_length_is_said_once(tus):
    url = tus.create("", upload_length=None, upload_defer_length="1")
    looked = tus.ask(url, "HEAD")
    assert looked.headers["upload-defer-length"] == "1"
    assert "upload-length" not in looked.headers
    assert tus.patch(url, 0, b"abc").status == 204
    assert tus.patch(url, 3, b"", upload_length="2").status in (400, 409, 413)
    assert tus.patch(url, 3, b"d", upload_length="6").status == 204
    assert tus.patch(url, 4, b"e", upload_length="7").status in (400, 409)
    assert tus.patch(url, 4, b"ef").status == 204
    downloaded(url, b"abcdef")


def test_terminating_by_another_method(tus):
    url = tus.create(3)
    assert tus.ask(url, "POST", x_http_method_override="DELETE").status == 204
    assert is_gone(url, tus_resumable=VERSION)


@pytest.mark.parametrize("name", ["sha1", "sha256"])
def test_checksums(tus, name):
    content = b"hello world" * 1000
    url = tus.create(2 * len(content))
    good = f"{name} {encoded(hashlib.new(name, content).digest())}"
    bad = f"{name} {encoded(hashlib.new(name, b'another').digest())}"
    refused = tus.patch(url, 0, content, upload_checksum=bad)
    assert refused.status == MISMATCH
    assert tus.offset(url) == 0
    assert tus.patch(url, 0, content, upload_checksum=good).status == 204
    # In the middle, it is that of the request's bytes.
    assert tus.patch(url, len(content), content, upload_checksum=bad).status == MISMATCH
    assert tus.offset(url) == len(content)
    assert tus.patch(url, len(content), content, upload_checksum=good).status == 204
    downloaded(url, content * 2)


def test_a_wrong_checksum_of_many_bytes(tus, folder):
    """None of them counts, however many segments they are."""
    _, content = content_of(folder, 20 * MIB)
    url = tus.create(20 * MIB)
    bad = f"sha1 {encoded(bytes(20))}"
    assert tus.patch(url, 0, content, upload_checksum=bad).status == MISMATCH
    assert tus.offset(url) == 0
    assert tus.patch(url, 0, content).status == 204
    downloaded(url, content)


def test_a_checksum_that_cannot_be_checked_keeps_nothing(tus):
    url = tus.create(20 * MIB)
    asked = tus.slowly(url, 0, 20 * MIB, upload_checksum=f"sha1 {encoded(bytes(20))}")
    asked.send(b"x" * 17 * MIB)
    asked.reset()
    assert eventually(lambda: (tus.offset(url),))[0] == 0


@pytest.mark.parametrize("value", ["crc32 AAAAAA==", "sha1", "sha1 AAAA", "sha1 ???", "SHA1 AAAA"])
def test_checksums_that_are_none(tus, value):
    url = tus.create(3)
    fields = {"tus_resumable": VERSION, "upload_offset": "0", "content_type": BYTES}
    answer = request(url, "PATCH", b"abc", upload_checksum=value, **fields, **bearer(tus.token))
    assert answer.status == 400, answer.body
    assert tus.offset(url) == 0


def test_the_word_for_when_it_is_over(tus):
    now = time.time()
    created = tus.ask(tus.endpoint, "POST", upload_length="6")
    url = tus.here(created.headers["location"])
    patched = tus.patch(url, 0, b"abc")
    for answer in (created, patched):
        expires = parsedate_to_datetime(answer.headers["upload-expires"]).timestamp()
        # A day, unless the configuration says another time.
        assert now + 3600 <= expires <= now + 7 * 86400
        assert answer.headers["upload-expires"].endswith("GMT")


def test_what_nobody_goes_on_with_is_over(embedded, serve, folder):
    bucket = embedded.as_config(folder) | {"abandoned_uploads_after": "3s"}
    more = {"buckets": {"artifacts": bucket}, "timeouts": {"upload": "2s"}}
    tus = Tus(single("tus", embedded, serve, folder, **more).url)
    begun, ended = tus.create(6), tus.create(3)
    assert tus.patch(ended, 0, b"abc").status == 204
    patched = tus.patch(begun, 0, b"abc")
    expires = parsedate_to_datetime(patched.headers["upload-expires"]).timestamp()
    assert expires <= time.time() + 3
    eventually(lambda: tus.ask(begun, "HEAD").status in GONE, what="the end of an upload")
    assert time.time() >= expires
    assert tus.patch(begun, 3, b"def").status in GONE
    # What is complete has no end.
    downloaded(ended, b"abc")


def test_what_the_server_can_do(tus):
    """Asked by nobody in particular: browsers send no token with that."""
    for url in (tus.endpoint, tus.create(3)):
        answer = request(url, "OPTIONS")
        assert answer.status in (200, 204)
        assert answer.headers["tus-version"] == VERSION
        extensions = answer.headers["tus-extension"].split(",")
        assert {"creation", "termination", "checksum", "expiration"} <= set(extensions)
        # These are used above.
        assert {"creation-with-upload", "creation-defer-length"} <= set(extensions)
        assert not {"concatenation", "checksum-trailer"} & set(extensions)
        assert "sha1" in answer.headers["tus-checksum-algorithm"].split(",")


def test_a_browser_may_upload(tus):
    origin = {"origin": ORIGIN}
    asked = {
        "access_control_request_method": "PATCH",
        "access_control_request_headers": "authorization,content-type,tus-resumable,upload-offset",
    }
    url = tus.create(3)
    preflight = request(url, "OPTIONS", **origin, **asked)
    assert preflight.status in (200, 204)
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert {"POST", "HEAD", "PATCH", "DELETE"} <= listed(preflight, "access-control-allow-methods")
    needed = {"authorization", "content-type", "tus-resumable", "upload-offset", "upload-length",
              "upload-metadata", "upload-defer-length", "upload-checksum", "x-http-method-override"}
    assert needed <= {name.lower() for name in listed(preflight, "access-control-allow-headers")}
    answers = [
        tus.ask(tus.endpoint, "POST", upload_length="3", **origin),
        tus.patch(url, 0, b"abc", **origin),
        tus.ask(url, "HEAD", **origin),
        tus.ask(tus.endpoint + MISSING, "HEAD", **origin),
        tus.ask(url, "HEAD", authorization="Bearer nonsense", **origin),
    ]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        exposed = {name.lower() for name in listed(answer, "access-control-expose-headers")}
        assert {"location", "upload-offset", "upload-length", "tus-resumable", "upload-expires"} <= exposed


def test_pages_of_others_may_not_upload(tus):
    asked = {"origin": "https://others.test", "access_control_request_method": "PATCH"}
    for answer in (request(tus.endpoint, "OPTIONS", **asked), tus.ask(tus.create(3), "HEAD", **asked)):
        assert "access-control-allow-origin" not in answer.headers


def listed(answer, name):
    return {each.strip() for each in answer.headers[name].split(",")}


@pytest.mark.parametrize("version", [None, "0.2.2", "1.0", "2.0.0"])
def test_another_version(tus, version):
    url = tus.create(3)
    for method, target in (("POST", tus.endpoint), ("PATCH", url), ("DELETE", url)):
        fields = {"upload_length": "3"} if method == "POST" else {"upload_offset": "0", "content_type": BYTES}
        answer = tus.ask(target, method, b"", tus_resumable=version, **fields)
        assert answer.status == 412
        assert answer.headers["tus-version"] == VERSION
    assert tus.offset(url) == 0


@pytest.mark.parametrize("fields", [
    {},
    {"upload_length": "-1"},
    {"upload_length": "+1"},
    {"upload_length": "1.0"},
    {"upload_length": "99999999999999999999999"},
    {"upload_length": "3", "upload_defer_length": "1"},
    {"upload_defer_length": "2"},
    {"upload_length": "3", "upload_metadata": "name not_base64!"},
    {"upload_length": "3", "upload_metadata": "name YQ==,name YQ=="},
    {"upload_length": "3", "upload_metadata": "name YQ== YQ=="},
    {"upload_length": "3", "upload_concat": "partial"},
    {"upload_concat": "final;/files/a /files/b"},
])
def test_uploads_that_cannot_begin(tus, fields):
    answer = tus.ask(tus.endpoint, "POST", **fields)
    assert answer.status in (400, 413), answer.body
    assert answer.headers["tus-resumable"] == VERSION
    assert "location" not in answer.headers


@pytest.mark.parametrize("value, names", [
    (metadata(filename="a.txt"), {"filename": "a.txt"}),
    ("is_confidential", None),
    ("filename YS50eHQ=,is_confidential", None),
    ("is_confidential ", None),
])
def test_metadata(tus, value, names):
    looked = tus.ask(tus.create(3, upload_metadata=value), "HEAD")
    assert looked.headers["upload-metadata"] == value.strip()
    assert names is None or told(looked) == names


def test_a_download_has_the_name_that_was_given(tus):
    url = tus.create(3, upload_metadata=metadata(filename="report.txt", filetype="text/plain"))
    assert tus.patch(url, 0, b"abc").status == 204
    answer = downloaded(url, b"abc")
    assert "report.txt" in answer.headers["content-disposition"]


@pytest.mark.parametrize("fields, statuses", [
    ({"upload_offset": "1"}, {409}),
    ({"upload_offset": None}, {400}),
    ({"upload_offset": "x"}, {400}),
    ({"upload_offset": "-0"}, {400}),
    ({"content_type": None}, {415}),
    ({"content_type": "application/octet-stream"}, {415}),
])
def test_bytes_that_do_not_fit(tus, fields, statuses):
    url = tus.create(3)
    answer = tus.patch(url, 0, b"abc", **fields)
    assert answer.status in statuses, answer.body
    assert answer.headers["tus-resumable"] == VERSION
    assert tus.offset(url) == 0


def test_more_bytes_than_were_announced(tus):
    url = tus.create(3)
    assert tus.patch(url, 0, b"abcd").status in (400, 413)
    # With no length of their own, they are found out on the way.
    asked = tus.slowly(url, 0, None)
    asked.send(b"abcd")
    assert asked.answer().status in (400, 413)
    assert tus.offset(url) <= 3
    assert request(url, **bearer(tus.token)).status != 200


def test_bytes_in_chunks_of_http(tus):
    url = tus.create(6)
    asked = tus.slowly(url, 0, None)
    asked.send(b"abc")
    asked.send(b"def")
    answer = asked.answer()
    assert (answer.status, answer.headers["upload-offset"]) == (204, "6")
    downloaded(url, b"abcdef")


def test_nothing_more_for_what_is_complete(tus):
    """Whose last answer was lost may ask again."""
    url = tus.create(3)
    assert tus.patch(url, 0, b"abc").status == 204
    assert tus.patch(url, 0, b"abc").status == 409
    again = tus.patch(url, 3, b"")
    assert (again.status, again.headers["upload-offset"]) == (204, "3")
    assert tus.patch(url, 3, b"d").status in (400, 403, 409, 413)
    downloaded(url, b"abc")


@pytest.mark.parametrize("name", [MISSING, "nonsense", "..%2f..%2fsecret", ".casgate"])
def test_uploads_that_there_are_not(tus, name):
    url = tus.endpoint + name
    for answer in (tus.ask(url, "HEAD"), tus.patch(url, 0, b"abc"), tus.ask(url, "DELETE")):
        assert answer.status in (400, *GONE)
        assert "upload-offset" not in answer.headers


def test_who_may_only_read_uploads_nothing(gateway, tus):
    reader = Tus(gateway.url, pull_request(7))
    assert reader.ask(reader.endpoint, "POST", upload_length="3").status == 403
    url = tus.create(3)
    for body in (b"a", b"abc"):
        assert reader.patch(url, 0, body).status == 403
        assert tus.offset(url) == 0
    assert reader.ask(url, "DELETE").status == 403
    assert reader.ask(url, "POST", x_http_method_override="DELETE").status == 403
    assert tus.offset(url) == 0


def test_other_tenants_know_of_nothing(embedded, serve, folder):
    state = {"embedded": {"path": str(folder / "state.redb")}}
    url = serve(embedded, [route_of_tenants("tus")], **sections(folder, state)).url
    acme, others = Tus(url), Tus(url, token(repository_owner="others"))
    begun, ended = acme.create(6), acme.create(3)
    assert acme.patch(ended, 0, b"abc").status == 204
    for upload in (begun, ended):
        assert others.ask(upload, "HEAD").status == 404
        assert others.patch(upload, 0, b"xyz").status == 404
        assert others.ask(upload, "DELETE").status == 404
        assert request(upload, **bearer(others.token)).status == 404
    assert acme.offset(begun) == 0
    downloaded(ended, b"abc")


def test_a_refusal_of_many_bytes_can_be_read(gateway, tus):
    url = tus.create(40 * MIB)
    assert Tus(gateway.url, pull_request(7)).patch(url, 0, bytes(40 * MIB)).status == 403
    assert tus.offset(url) == 0
