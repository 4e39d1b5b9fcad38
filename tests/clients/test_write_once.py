"""The first upload of an entry stays on real S3 servers, as far as each can keep it."""

import os
import threading

import pytest
from caches import TENANTS, cache_route, issuers, pull_request, token
from process import eventually
from turborepo import FAST_VERSIONS, Monorepo, Remote
from web import bearer, request

PART = 5 * 1024 * 1024
# Ceph completes a multipart upload whatever is there; the gateway finds that out when it starts.
COMPLETES_ONCE = {"embedded": True, "radosgw": False}
LIMITS = {"upload_part_size": "5MiB"}


@pytest.fixture(scope="module")
def start(each_storage, serve, tmp_path_factory):
    """Starts gateways with a route below `/once/`, and `/often/` where entries are replaced."""
    known = issuers(tmp_path_factory.mktemp("keys"))
    routes = [
        cache_route(f"/{name}/", "turborepo", untrusted="claims.ref", write_once=name == "once")
        for name in ("once", "often")
    ]
    for route in routes:
        route["layout"] = f"{route['path'].strip('/')}/{{tenant}}/{{hash}}"
    return lambda **more: serve(
        each_storage, routes, issuers=known, tenants=TENANTS, limits=LIMITS, **more
    )


@pytest.fixture(scope="module")
def gateway(start):
    return start()


@pytest.fixture
def completes_once(each_storage):
    return COMPLETES_ONCE[each_storage.name]


@pytest.fixture
def entry(gateway):
    """A new entry where the first one stays."""
    return f"{gateway.url}/once/v8/artifacts/{os.urandom(8).hex()}?slug=acme"


def put(url, content, who=None):
    return request(url, "PUT", content, **bearer(who or token()))


def put_chunked(url, content, who=None):
    """The same without a length."""
    pieces = (content[start : start + 65_536] for start in range(0, len(content), 65_536))
    return put(url, pieces, who)


def get(url, who=None):
    return request(url, **bearer(who or token())).ok()


def unfinished(storage, prefix):
    """The keys of the multipart uploads that have not ended."""
    listed = storage.client.list_multipart_uploads(Bucket=storage.bucket, Prefix=prefix)
    return [upload["Key"] for upload in listed.get("Uploads", [])]


def uploads(gateway, result):
    """How many uploads to entries that stay ended like this."""
    sample = f'casgate_uploads_total{{result="{result}",route="/once/"}} '
    lines = request(f"{gateway.admin_url}/metrics").ok().decode().splitlines()
    return sum(int(line.removeprefix(sample)) for line in lines if line.startswith(sample))


@pytest.mark.parametrize("send", [put, put_chunked])
@pytest.mark.parametrize("size", [0, 1000, 200_000, PART])
def test_the_first_bytes_stay(entry, send, size):
    first = os.urandom(size)
    for who in (token(), pull_request(7)):
        assert send(entry, first, who).status == 202
        for content in (b"other", os.urandom(size), first):
            assert send(entry, content, who).status == 200
        assert get(entry, who) == first


def test_a_large_body_with_a_length_is_one_request(entry, each_storage):
    first = os.urandom(3 * PART)
    assert put(entry, first).status == 202
    assert put(entry, b"x" * 3 * PART).status == 200
    assert get(entry) == first
    assert not unfinished(each_storage, "once/")


def test_parts_are_kept_or_refused(entry, each_storage, completes_once):
    first = os.urandom(2 * PART + 1)
    answer = put_chunked(entry, first)
    if completes_once:
        assert answer.status == 202
        assert put_chunked(entry, b"x" * 2 * PART).status == 200
        assert get(entry) == first
    else:
        assert answer.status == 413, answer
        assert b"payload_too_large" in answer.body
        assert request(entry, **bearer(token())).status == 404
        assert put_chunked(entry, first[:PART]).status == 202
        # There is one now, and still no word of storage that it would stay.
        assert put_chunked(entry, first).status == 413
        assert get(entry) == first[:PART]
    assert not unfinished(each_storage, "once/")


@pytest.mark.parametrize("send", [put, put_chunked])
def test_of_many_at_the_same_time_one_is_stored(gateway, entry, send):
    contents = [bytes([number]) * 100_000 for number in range(20)]
    before = uploads(gateway, "stored"), uploads(gateway, "kept")
    statuses = {}

    def upload(content):
        statuses[content] = send(entry, content).status

    threads = [threading.Thread(target=upload, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses.values()) == [200] * 19 + [202]
    assert statuses[get(entry)] == 202
    assert uploads(gateway, "stored") == before[0] + 1
    assert uploads(gateway, "kept") == before[1] + 19


def test_without_it_the_last_bytes_count(gateway, each_storage):
    url = f"{gateway.url}/often/v8/artifacts/{os.urandom(8).hex()}?slug=acme"
    for send, content in (
        (put, b"first"),
        (put_chunked, os.urandom(2 * PART + 1)),
        (put_chunked, os.urandom(3 * PART)),
        (put, b"last"),
    ):
        assert send(url, content).status == 202
        assert get(url) == content
    assert not unfinished(each_storage, "often/")


@pytest.mark.parametrize("version", FAST_VERSIONS)
def test_turbo_is_content_with_what_is_there(gateway, folder, version):
    monorepo = Monorepo(folder, version)
    remote = Remote(f"{gateway.url}/once", token())
    first, second, third = monorepo.clone(), monorepo.clone(), monorepo.clone()
    first.build(remote)
    kept = uploads(gateway, "kept")
    forced = second.build(remote, "--force")
    assert forced.cached == (0, 2)
    assert not forced.warnings
    assert second.built() != first.built()
    assert uploads(gateway, "kept") == kept + 2
    assert "FULL TURBO" in third.build(remote).output
    assert third.built() == first.built()


def test_what_nobody_finishes_is_swept(start, each_storage, folder):
    keys = ["often/acme/0123456789abcdef", ".casgate/probe/1/2", "elsewhere"]
    started = {}
    for key in keys:
        begun = each_storage.client.create_multipart_upload(Bucket=each_storage.bucket, Key=key)
        upload = {"Bucket": each_storage.bucket, "Key": key, "UploadId": begun["UploadId"]}
        each_storage.client.upload_part(**upload, PartNumber=1, Body=b"x" * PART)
        started[key] = upload
    bucket = each_storage.as_config(folder) | {"abandoned_uploads_after": "2s"}
    start(timeouts={"upload": "1s"}, buckets={"artifacts": bucket})
    # Other programs may use the bucket too.
    eventually(lambda: unfinished(each_storage, "") == ["elsewhere"], what="only one is left")
    each_storage.client.abort_multipart_upload(**started["elsewhere"])
