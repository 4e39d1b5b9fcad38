"""A thousand requests for one link at the same moment, over all replicas: as many get it as may."""

import collections
import itertools
import os
import time

import pytest
from onetime import refused
from race import race
from web import request as ask
from web import sha256

FULL = os.environ.get("CASGATE_TESTS_FULL")
# How often, for each number of uses.
ROUNDS = {1: 100, 3: 20} if FULL else {1: 3, 3: 1}
CONTENDERS = 1000
CONTENT = os.urandom(100_000)


@pytest.fixture(scope="module")
def links(each_fleet):
    each_fleet.storage.put(sha256(CONTENT), CONTENT)
    return each_fleet


def over_all_replicas(links, link, count):
    """The link's address at each replica in turn."""
    replicas = itertools.cycle(range(len(links.gateways)))
    return [links.url(link, next(replicas)) for _ in range(count)]


@pytest.mark.parametrize("uses", [1, 3])
def test_a_thousand_want_it(links, uses, measured, request):
    before = links.count("claimed")
    began = time.monotonic()
    for _ in range(ROUNDS[uses]):
        link = links.issue(sha256(CONTENT), uses=uses)
        answers = race(over_all_replicas(links, link, CONTENDERS))
        statuses = collections.Counter(status for status, _ in answers)
        assert statuses == {200: uses, 410: CONTENDERS - uses}
        assert all(body == CONTENT for status, body in answers if status == 200)
        assert all(b'"token_spent"' in body for status, body in answers if status == 410)
        for replica in range(len(links.gateways)):
            assert refused(ask(links.url(link, replica))) == (410, "token_spent")
        assert links.uses_left(link) == 0
    seconds = (time.monotonic() - began) / ROUNDS[uses]
    measured(f"{request.node.callspec.id}: {ROUNDS[uses]} rounds of {CONTENDERS}, {seconds:.2f} s each")
    assert links.count("claimed") == before + ROUNDS[uses] * uses
    assert links.count("in_doubt") == 0


LOOKS = {
    "head": ("HEAD", {}, 200),
    "prefetch": ("GET", {"Sec-Purpose": "prefetch"}, 503),
    "prerender": ("GET", {"Sec-Purpose": "prefetch;prerender"}, 503),
    "x-moz": ("GET", {"X-Moz": "prefetch"}, 503),
    "preview": ("GET", {"X-Purpose": "preview"}, 503),
}


@pytest.mark.parametrize("kind", LOOKS)
def test_who_only_looks_takes_nothing(links, kind):
    method, headers, status = LOOKS[kind]
    before = links.count("claimed")
    link = links.issue(sha256(CONTENT))
    answers = race(over_all_replicas(links, link, 300), method, headers)
    assert {found for found, _ in answers} == {status}
    assert links.uses_left(link) == 1
    assert links.count("claimed") == before
    assert ask(links.url(link)).ok() == CONTENT


def test_a_part_of_what_nobody_began_is_all_of_it(links):
    before = links.count("claimed")
    link = links.issue(sha256(CONTENT))
    answers = race(over_all_replicas(links, link, 300), headers={"Range": "bytes=0-0"})
    assert collections.Counter(status for status, _ in answers) == {200: 1, 410: 299}
    assert [body for status, body in answers if status == 200] == [CONTENT]
    assert links.count("claimed") == before + 1


def test_what_is_not_there_takes_nothing(links):
    content = os.urandom(1000)
    links.storage.put(sha256(content), content)
    link = links.issue(sha256(content))
    before = links.count("claimed")
    links.storage.client.delete_object(Bucket=links.storage.bucket, Key=sha256(content))
    answers = race(over_all_replicas(links, link, 300))
    assert {status for status, _ in answers} == {404}
    assert links.uses_left(link) == 1
    assert links.count("claimed") == before
    links.storage.put(sha256(content), content)
    assert ask(links.url(link)).ok() == content


def test_what_is_another_object_now_takes_nothing(links):
    content = os.urandom(1000)
    links.storage.put(sha256(content), content)
    link = links.issue(sha256(content))
    links.storage.put(sha256(content), b"another one")
    before = links.count("claimed")
    answers = race(over_all_replicas(links, link, 300))
    assert {(status, b'"content_changed"' in body) for status, body in answers} == {(410, True)}
    assert links.uses_left(link) == 1
    assert links.count("claimed") == before
