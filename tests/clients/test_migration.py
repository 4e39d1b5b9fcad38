"""A bucket of turborepo-remote-cache is taken over as it is, and could be given back."""

import json
import os
import re

import pytest
from caches import cache_route, issuers, pull_request, token
from conftest import new_folder
from process import Process, eventually, tool
from turborepo import FAST_VERSIONS, SIGNING_KEY, Monorepo, Remote
from web import bearer, request

PROGRAM = tool("turborepo-remote-cache@2.12.0", "turborepo-remote-cache")
OLD_TOKEN = "the token of all"
# turbo's are of Base64; some servers' metadata could not hold all that a file can.
TAG = "Zm9v+/bar==" + "x" * 100
# More than its SDK sends as one request.
SIZES = [0, 1000, 6 * 1024 * 1024]
# It keeps what is asked for by id below the id. Here that is the tenant's one name.
TENANTS = {"acme": {"title": "Acme Inc."}, "team_9z8y7x": {"aliases": ["byid"]}}

every_delivery = pytest.mark.parametrize("delivery", ["stream", "redirect"])
every_version = pytest.mark.parametrize("version", FAST_VERSIONS)


class Peer(Process):
    """A turborepo-remote-cache over a bucket. Only with a key it keeps tags, and answers none
    without."""

    def __init__(self, storage, key=None):
        environment = {
            "NODE_ENV": "production",
            "HOST": "127.0.0.1",
            "PORT": "0",
            "TURBO_TOKEN": OLD_TOKEN,
            "STORAGE_PROVIDER": "s3",
            "STORAGE_PATH": storage.bucket,
            "S3_ACCESS_KEY": storage.access_key,
            "S3_SECRET_KEY": storage.secret_key,
            "S3_REGION": storage.region,
            "S3_ENDPOINT": storage.endpoint,
        }
        if key:
            environment["TURBO_REMOTE_CACHE_SIGNATURE_KEY"] = key
        folder = new_folder("peer")
        # The folder is for whoever looks for what was started.
        super().__init__(folder, "node", PROGRAM.resolve(), folder, environment=environment)
        found = eventually(lambda: re.search(r"http://127[.\d]+:\d+", self.output()))
        self.url = found[0]


@pytest.fixture(scope="module")
def signing(embedded):
    peer = Peer(embedded, SIGNING_KEY)
    yield peer
    peer.stop()


@pytest.fixture(scope="module")
def plain(embedded):
    peer = Peer(embedded)
    yield peer
    peer.stop()


@pytest.fixture(scope="module")
def url(embedded, serve, tmp_path_factory):
    """A gateway over the same bucket, with one route for each delivery."""
    known = issuers(tmp_path_factory.mktemp("keys"))
    routes = [
        cache_route(f"/{delivery}/", "turborepo", delivery, layout="{team}/{hash}")
        for delivery in ("stream", "redirect")
    ]
    for route in routes:
        route["dialect"] = {"turborepo": {"legacy_tags": True}}
    return serve(embedded, routes, issuers=known, tenants=TENANTS).url


def artifact(base, name, team="slug=acme"):
    return f"{base}/v8/artifacts/{name}?{team}"


def put(base, name, content, who, team="slug=acme", **headers):
    headers |= {"content_type": "application/octet-stream"}
    answer = request(artifact(base, name, team), "PUT", content, **bearer(who), **headers)
    assert answer.status in (200, 202), answer


def new_name():
    return os.urandom(8).hex()


def keys(embedded, prefix):
    listed = embedded.client.list_objects_v2(Bucket=embedded.bucket, Prefix=prefix)
    return [entry["Key"] for entry in listed.get("Contents", [])]


def delivered(answer):
    """What is found where a redirect leads."""
    if answer.status == 302:
        assert "x-artifact-tag" not in answer.headers
        answer = request(answer.headers["location"])
    return answer.ok()


def find(base, names):
    headers = bearer(pull_request(7)) | {"content_type": "application/json"}
    asked = json.dumps({"hashes": names})
    return json.loads(request(f"{base}/v8/artifacts?slug=acme", "POST", asked, **headers).ok())


@every_delivery
@pytest.mark.parametrize("size", SIZES)
def test_entries_with_tags_are_served(signing, embedded, url, delivery, size):
    name, content = new_name(), os.urandom(size)
    put(signing.url, name, content, OLD_TOKEN, x_artifact_tag=TAG)
    assert keys(embedded, f"acme/{name}") == [f"acme/{name}", f"acme/{name}.tag"]
    base = f"{url}/{delivery}"
    for method in ("GET", "HEAD"):
        # Storage could not say the tag, so that nobody is sent there.
        answer = request(artifact(base, name), method, **bearer(pull_request(7)))
        assert (answer.status, answer.headers["x-artifact-tag"]) == (200, TAG)
        assert answer.headers["content-length"] == str(size)
        assert answer.body == (content if method == "GET" else b"")
    missing = new_name()
    found = find(base, [name, missing, name + "0"])
    assert found.pop(name) == {"size": size, "taskDurationMs": 0, "tag": TAG}
    assert found == {missing: None, name + "0": None}


@every_delivery
@pytest.mark.parametrize("size", SIZES)
def test_entries_without_tags_are_served(plain, embedded, url, delivery, size):
    name, content = new_name(), os.urandom(size)
    put(plain.url, name, content, OLD_TOKEN, x_artifact_tag=TAG)
    assert keys(embedded, f"acme/{name}") == [f"acme/{name}"]
    base = f"{url}/{delivery}"
    answer = request(artifact(base, name), **bearer(pull_request(7)))
    assert answer.status == (302 if delivery == "redirect" else 200)
    assert "x-artifact-tag" not in answer.headers
    assert delivered(answer) == content
    head = request(artifact(base, name), "HEAD", **bearer(pull_request(7)))
    assert (head.status, head.headers["content-length"]) == (200, str(size))
    assert "x-artifact-tag" not in head.headers
    assert find(base, [name]) == {name: {"size": size, "taskDurationMs": 0}}


@every_delivery
def test_new_entries_have_their_tags_with_them(signing, embedded, url, delivery):
    name, base = new_name(), f"{url}/{delivery}"
    put(base, name, b"new", token(), x_artifact_tag=TAG, x_artifact_duration="17")
    assert keys(embedded, f"acme/{name}") == [f"acme/{name}"]
    answer = request(artifact(base, name), **bearer(pull_request(7)))
    assert (answer.ok(), answer.headers["x-artifact-tag"]) == (b"new", TAG)
    assert find(base, [name])[name] == {"size": 3, "taskDurationMs": 17, "tag": TAG}
    # One that takes the place of an old entry has nothing of it, not even the tag beside it.
    name = new_name()
    put(signing.url, name, b"old", OLD_TOKEN, x_artifact_tag="old")
    for more, expected in (({"x_artifact_tag": TAG}, TAG), ({}, None)):
        put(base, name, b"new", token(), x_artifact_duration="17", **more)
        answer = request(artifact(base, name), **bearer(pull_request(7)))
        assert answer.headers.get("x-artifact-tag") == expected
        assert delivered(answer) == b"new"


@every_delivery
def test_a_tag_is_no_entry(signing, url, delivery):
    name = new_name()
    put(signing.url, name, b"old", OLD_TOKEN, x_artifact_tag=TAG)
    for method in ("GET", "HEAD", "PUT"):
        answer = request(artifact(f"{url}/{delivery}", name + ".tag"), method, **bearer(token()))
        assert answer.status == 400


@every_delivery
def test_a_team_that_was_asked_for_by_id(plain, embedded, url, delivery):
    name = new_name()
    put(plain.url, name, b"old", OLD_TOKEN, "teamId=team_9z8y7x&slug=byid")
    assert keys(embedded, f"team_9z8y7x/{name}")
    for owner in ("byid", "team_9z8y7x"):
        for team in ("teamId=team_9z8y7x", "slug=byid", "teamId=team_9z8y7x&slug=byid"):
            who = token(repository_owner=owner)
            answer = request(artifact(f"{url}/{delivery}", name, team), **bearer(who))
            assert delivered(answer) == b"old"
    answer = request(artifact(f"{url}/{delivery}", name, "teamId=team_9z8y7x"), **bearer(token()))
    assert answer.status == 403


@every_delivery
@pytest.mark.parametrize("size", SIZES)
def test_the_way_back(plain, url, delivery, size):
    for headers in ({"x_artifact_tag": TAG}, {}):
        name, content = new_name(), os.urandom(size)
        put(f"{url}/{delivery}", name, content, token(), x_artifact_duration="17", **headers)
        answer = request(artifact(plain.url, name), **bearer(OLD_TOKEN))
        assert answer.ok() == content
        head = request(artifact(plain.url, name), "HEAD", **bearer(OLD_TOKEN))
        assert head.status == 200


@every_version
@every_delivery
@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_turbo_goes_on_with_what_was_built(
    signing, plain, embedded, url, folder, version, delivery, signed
):
    key = SIGNING_KEY if signed else None
    old = Remote((signing if signed else plain).url, OLD_TOKEN, key=key)
    monorepo = Monorepo(folder, version, signed)
    first = monorepo.clone()
    built = first.build(old)
    assert built.cached == (0, 2)
    for name in built.hashes.values():
        assert len(keys(embedded, f"acme/{name}")) == (2 if signed else 1)

    again = monorepo.clone()
    replayed = again.build(Remote(f"{url}/{delivery}", pull_request(7), key=key))
    assert "FULL TURBO" in replayed.output, replayed.output
    assert not replayed.warnings
    assert again.built() == first.built()
    if signed:
        # Whoever has another key does not believe the tags.
        other = Remote(f"{url}/{delivery}", pull_request(7), key="x" + SIGNING_KEY)
        assert monorepo.clone().build(other).cached == (0, 2)

    # What changes is built once more, and kept beside.
    monorepo.change("app")
    new = Remote(f"{url}/{delivery}", token(), key=key)
    second, third = monorepo.clone(), monorepo.clone()
    assert second.build(new).cached == (1, 2)
    assert "FULL TURBO" in third.build(new).output
    assert third.built() == second.built()
    if not signed:
        # The old one finds it. Tags it would look for elsewhere.
        fourth = monorepo.clone()
        assert "FULL TURBO" in fourth.build(old).output
        assert fourth.built() == second.built()
