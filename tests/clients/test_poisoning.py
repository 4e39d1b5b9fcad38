"""A pull request writes to the cache, and nobody else ever receives what it wrote."""

import hashlib
import json
import os
from urllib.parse import urlsplit

import pytest
from caches import TENANTS, cache_route, issuers, pull_request, token
from turborepo import FAST_VERSIONS, Monorepo, Remote
from web import bearer, request

EVIL, GOOD = b"evil " * 1000, b"good " * 1000
# How the dialects name an entry, given 64 hexadecimal digits nobody has used before.
PATHS = {
    "turborepo": lambda name: f"v8/artifacts/{name[:16]}?slug=acme",
    "nx": lambda name: f"v1/cache/{int(name[:15], 16)}",
    "bazel": lambda name: f"ac/{name}",
    "gradle": lambda name: name[:32],
    "sccache": lambda name: f"{name[0]}/{name[1]}/{name[2]}/{name}",
}
# Claims that would be somebody else's, or a way out, if they became part of a key as they are.
AWKWARD = ["", ".", "..", "../../acme", "refs/pull/7", "refs/pull/7/merge/", "refs/heads/main ", "é"]


# Bazel follows no redirects, so there are none for it.
PAIRS = [
    (delivery, dialect)
    for dialect in PATHS
    for delivery in ("stream", "redirect")
    if (delivery, dialect) != ("redirect", "bazel")
]


@pytest.fixture(scope="module")
def url(embedded, serve, tmp_path_factory):
    """A gateway with routes for every dialect and both deliveries."""
    known = issuers(tmp_path_factory.mktemp("keys"))
    routes = [
        cache_route(f"/{delivery}/{dialect}/", dialect, delivery, "claims.ref")
        for delivery, dialect in PAIRS
    ]
    for route in routes:
        route["layout"] = f"{next(iter(route['dialect']))}/{{tenant}}/{{hash}}"
    return serve(embedded, routes, issuers=known, tenants=TENANTS).url


class Cache:
    """One entry of a cache, as everybody sees it."""

    def __init__(self, url):
        self.url = url

    def put(self, bearer_token, content):
        return request(self.url, "PUT", content, **bearer(bearer_token)).status

    def get(self, bearer_token):
        """The content, wherever it comes from, or None if there is none to be had."""
        answer = request(self.url, **bearer(bearer_token))
        if answer.status in (302, 307):
            answer = request(answer.headers["location"])
            assert answer.status == 200
        assert answer.status in (200, 403, 404), answer
        return answer.body if answer.status == 200 else None


@pytest.fixture(params=PAIRS, ids="-".join)
def pair(request):
    return request.param


@pytest.fixture
def dialect(pair):
    return pair[1]


@pytest.fixture
def entry(pair, url):
    """An entry nobody has written yet."""
    delivery, dialect = pair
    return Cache(f"{url}/{delivery}/{dialect}/{PATHS[dialect](os.urandom(32).hex())}")


def written(answer_status):
    return answer_status in (200, 201, 202, 204)


def test_what_a_pull_request_writes_is_its_own(entry):
    assert written(entry.put(pull_request(7), EVIL))
    assert entry.get(pull_request(7)) == EVIL
    for who in (token(), pull_request(8), token(ref="refs/heads/develop")):
        assert entry.get(who) is None
    # And it stays so when main builds the same.
    assert written(entry.put(token(), GOOD))
    assert entry.get(token()) == GOOD
    assert entry.get(pull_request(8)) == GOOD
    assert entry.get(pull_request(7)) == EVIL


def test_a_pull_request_has_what_main_built_and_cannot_change_it(entry):
    assert written(entry.put(token(), GOOD))
    assert entry.get(pull_request(7)) == GOOD
    assert written(entry.put(pull_request(7), EVIL))
    for who in (token(), pull_request(8)):
        assert entry.get(who) == GOOD


def test_another_owner_is_another_tenant(entry, dialect):
    others = {"repository_owner": "others", "repository": "others/web"}
    assert written(entry.put(token(), GOOD))
    assert entry.get(token(**others)) is None
    # Turborepo's clients name the tenant, which does not make it theirs.
    refused = dialect == "turborepo"
    assert written(entry.put(token(**others), EVIL)) != refused
    assert written(entry.put(pull_request(7), EVIL))
    assert entry.get(token(**others)) == (None if refused else EVIL)
    assert entry.get(token()) == GOOD


def test_awkward_claims_lead_nowhere_else(entry):
    for ref in AWKWARD:
        content = b"evil from " + ref.encode()
        if written(entry.put(token(ref=ref), content)):
            assert entry.get(token(ref=ref)) == content, ref
    assert entry.get(token()) is None
    for ref in AWKWARD:
        assert entry.get(token(ref=ref)) in (None, b"evil from " + ref.encode()), ref


def test_who_cannot_be_told_apart_cannot_write(entry):
    nobody = token(ref=None)
    assert not written(entry.put(nobody, EVIL))
    for who in (token(), pull_request(7)):
        assert entry.get(who) is None


def test_a_path_leads_to_no_other_place(url, entry, embedded, dialect):
    assert written(entry.put(pull_request(7), EVIL))
    path = urlsplit(entry.url).path
    name = path.rsplit("/", 1)[1]
    place = ".casgate/untrusted/" + hashlib.sha256(b"refs/pull/7/merge").hexdigest()
    listed = embedded.client.list_objects_v2(Bucket=embedded.bucket, Prefix=f"{place}/{dialect}/acme/")
    keys = [found["Key"] for found in listed["Contents"] if name in found["Key"]]
    assert len(keys) == 1
    base = path.removesuffix(name)
    for way in ("../../" + keys[0], "../" * 9 + keys[0], keys[0], "./" + name):
        for written_way in (way, way.replace("/", "%2F"), way.replace(".", "%2e")):
            for who in (token(), pull_request(8)):
                answer = request(f"{url}{base}{written_way}?slug=acme", **bearer(who))
                assert answer.status in (400, 403, 404), (written_way, answer.status)
                assert EVIL not in answer.body


def test_no_other_question_of_turbo_tells_of_it(url):
    name = os.urandom(8).hex()
    base = f"{url}/redirect/turborepo/v8/artifacts"
    entry = Cache(f"{base}/{name}?slug=acme")
    assert written(entry.put(pull_request(7), EVIL))
    asked = json.dumps({"hashes": [name]})
    for who, there in ((pull_request(7), True), (pull_request(8), False), (token(), False)):
        head = request(entry.url, "HEAD", **bearer(who))
        assert head.status == (200 if there else 404)
        headers = bearer(who) | {"content_type": "application/json"}
        found = json.loads(request(f"{base}?slug=acme", "POST", asked, **headers).ok())
        assert (found[name] is not None) == there


@pytest.mark.parametrize("version", FAST_VERSIONS)
@pytest.mark.parametrize("delivery", ["stream", "redirect"])
def test_turbo_builds_what_only_a_pull_request_built(url, folder, version, delivery):
    def remote(bearer_token):
        return Remote(f"{url}/{delivery}/turborepo", bearer_token)

    monorepo = Monorepo(folder, version)
    monorepo.clone().build(remote(token()))
    monorepo.change("app")
    # A pull request has what main built, and keeps what it builds itself.
    seventh = monorepo.clone()
    assert seventh.build(remote(pull_request(7))).cached == (1, 2)
    again = monorepo.clone()
    assert again.build(remote(pull_request(7))).cached == (2, 2)
    assert again.built() == seventh.built()
    # Another pull request and main get nothing of that.
    for who in (pull_request(8), token()):
        checkout = monorepo.clone()
        assert checkout.build(remote(who)).cached == (1, 2)
        assert checkout.built()["app"] not in (None, seventh.built()["app"])
    main = checkout.built()
    ninth = monorepo.clone()
    assert ninth.build(remote(pull_request(9))).cached == (2, 2)
    assert ninth.built() == main
