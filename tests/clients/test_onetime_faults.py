"""Single-use links while gateways are killed, answers are lost, and storage or the store goes away:
nothing is served twice, and what is lost is what was promised to be all that can be lost.

Replica 0 reaches storage and the store through relays; the others have them to themselves.
"""

import dataclasses
import os
import socket
import threading

import pytest
from onetime import Links, onetime_route, refused, sections, start_all
from process import eventually
from race import race
from relay import address
from web import request, sha256

FULL = os.environ.get("CASGATE_TESTS_FULL")
CONTENT = os.urandom(16_000_000)
SMALL = os.urandom(10_000)
SPENT = (410, "token_spent")
# How a claim looks on its way to the store.
CLAIMS = {"redis": b"EVALSHA", "bucket": b"PUT /"}


@pytest.fixture(scope="module")
def contents(embedded):
    for content in (CONTENT, SMALL):
        embedded.put(sha256(content), content)


class Parts(Links):
    """Two replicas, or one over a file, with relays behind the first."""

    def __init__(self, kind, serve, storage, store, state, folder):
        self.kind, self.storage_relay, self.store_relay = kind, storage, store
        self.serve, self.state, self.folder = serve, state, folder
        super().__init__(*start_all(1 if kind == "file" else 2, self.start))

    def start(self, replica):
        """Starts a replica; the first one behind its relays."""
        storage, state = self.state(is_behind_relays=replica == 0)
        more = sections(self.folder, state)
        limits = {"state": "1s", "storage_connect": "1s", "storage_first_byte": "1s"}
        return self.serve(storage, [onetime_route()], timeouts=limits, **more)

    def kill(self, replica=0):
        """Ends a replica as kill -9 does. A file's only one is started again."""
        self.gateways[replica].stop()
        if self.kind == "file":
            self.gateways[replica] = self.start(replica)

    @property
    def other(self):
        """A replica that lives after the first was killed."""
        return len(self.gateways) - 1


@pytest.fixture
def build(embedded, contents, serve, relay_to, folder, request):
    def build(kind):
        storage = relay_to(embedded.endpoint)
        weak = dataclasses.replace(embedded, endpoint=storage.url)
        if kind == "file":
            state = {"embedded": {"path": str(folder / "state.redb")}}
            return Parts(kind, serve, storage, None, lambda is_behind_relays: (weak, state), folder)
        if kind == "bucket":
            state = {"bucket": {"bucket": "artifacts"}}
            return Parts(kind, serve, storage, storage,
                         lambda is_behind_relays: (weak if is_behind_relays else embedded, state), folder)
        server = request.getfixturevalue("redis").server
        store = relay_to(server)

        def redis(is_behind_relays):
            servers = [store.server if is_behind_relays else server]
            return weak if is_behind_relays else embedded, {"redis": {"servers": servers}}

        return Parts(kind, serve, storage, store, redis, folder)

    return build


# Before it starts, a gateway has many trials for a bucket; so here it is the store of few tests.
OFTEN, SELDOM = ["file", "redis"], ["bucket"]


@pytest.fixture(params=OFTEN + (SELDOM if FULL else []))
def links(request, build):
    """Replicas over each store in turn."""
    return build(request.param)


@pytest.fixture(params=["redis"] + (SELDOM if FULL else []))
def shared(request, build):
    """Replicas over each store that they reach over the network."""
    return build(request.param)


on_a_bucket_too = pytest.mark.parametrize("shared", CLAIMS, indirect=True)


class Asking(threading.Thread):
    """A request under way. `answer` is None where it had none."""

    def __init__(self, url, **headers):
        super().__init__(daemon=True)
        self.url, self.headers, self.answer = url, headers, None
        self.start()

    def run(self):
        try:
            self.answer = request(self.url, **self.headers)
        except OSError:
            pass

    def ended(self):
        self.join(60)
        assert not self.is_alive()
        return self.answer


def everywhere(links, link):
    """What each living replica says to a request for the link."""
    alive = [replica for replica, gateway in enumerate(links.gateways) if gateway.child.poll() is None]
    return [refused(request(links.url(link, replica))) for replica in alive]


# A gateway is killed.

def test_killed_before_storage_answered(links):
    link = links.issue(sha256(SMALL))
    trap = links.storage_relay.trap(b"GET /", hold="answer")
    asking = Asking(links.url(link))
    trap.wait()
    links.kill()
    trap.cut()
    assert asking.ended() is None
    assert request(links.url(link, links.other)).ok() == SMALL
    assert set(everywhere(links, link)) == {SPENT}


def test_killed_before_the_claim_arrived(shared):
    link = shared.issue(sha256(SMALL))
    trap = shared.store_relay.trap(CLAIMS[shared.kind], hold="request")
    asking = Asking(shared.url(link))
    trap.wait()
    shared.kill()
    trap.cut()
    assert asking.ended() is None
    assert request(shared.url(link, 1)).ok() == SMALL
    assert everywhere(shared, link) == [SPENT]


@on_a_bucket_too
def test_killed_after_the_claim(shared):
    """The gap in which a use is lost. Nobody else gets it."""
    link = shared.issue(sha256(SMALL))
    trap = shared.store_relay.trap(CLAIMS[shared.kind], hold="answer")
    asking = Asking(shared.url(link))
    trap.wait()
    assert shared.uses_left(link, 1) == 0
    shared.kill()
    trap.cut()
    assert asking.ended() is None
    assert everywhere(shared, link) == [SPENT]
    shared.gateways[0] = shared.start(0)
    eventually(lambda: everywhere(shared, link) == [SPENT, SPENT], what="a replica that is ready")


class Reader:
    """A client in the middle of a download, who does not read on by itself."""

    def __init__(self, url):
        self.stream = socket.socket()
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        self.stream.settimeout(60)
        self.stream.connect(address(url))
        path = url.split("/", 3)[3]
        self.stream.sendall(f"GET /{path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        self.file = self.stream.makefile("rb")
        assert self.file.readline().startswith(b"HTTP/1.1 200 ")
        fields = iter(lambda: self.file.readline().decode().strip(), "")
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in fields)}
        self.received = self.file.read(100_000)

    def read_to_the_end(self):
        """All that comes before the connection ends."""
        try:
            while data := self.file.read1(1024 * 1024):
                self.received += data
        except OSError:
            pass
        return self.received

    def rest(self, url, header="if_range"):
        """Asks for what is missing, with the tag where Chromium has it, or Firefox (`if_match`)."""
        headers = {"range": f"bytes={len(self.received)}-", header: self.headers["etag"]}
        return request(url, **headers)


def test_killed_in_the_middle_of_the_body(links):
    link = links.issue(sha256(CONTENT))
    reader = Reader(links.url(link))
    links.kill()
    assert len(reader.read_to_the_end()) < len(CONTENT)
    rest = reader.rest(links.url(link, links.other))
    assert rest.status == 206
    assert reader.received + rest.body == CONTENT
    assert set(everywhere(links, link)) == {SPENT}
    others = {"range": f"bytes={len(reader.received)}-", "if_range": '"0.AAAAAAAAAAAAAAAAAAAAAA"'}
    assert refused(request(links.url(link, links.other), **others)) == SPENT


def test_who_goes_on_elsewhere_ends_the_first(shared):
    link = shared.issue(sha256(CONTENT))
    reader = Reader(shared.url(link))
    rest = reader.rest(shared.url(link, 1))
    assert (rest.status, reader.received + rest.body == CONTENT) == (206, True)
    eventually(lambda: shared.count("superseded") == 1, 20, "the first download ends")
    assert len(reader.read_to_the_end()) < len(CONTENT)


# Storage fails.

def test_storage_that_is_down_takes_no_use(links):
    link = links.issue(sha256(SMALL))
    if links.kind != "bucket":
        links.storage_relay.stop()
        answers = race([links.url(link)] * 50)
        assert {(status, b'"storage_failed"' in body) for status, body in answers} == {(502, True)}
        links.storage_relay.start()
    assert links.uses_left(link) == 1
    assert request(links.url(link)).ok() == SMALL


def test_storage_that_says_nothing_takes_no_use(links):
    link = links.issue(sha256(SMALL))
    trap = links.storage_relay.trap(b"/sha256", hold="answer")
    assert refused(request(links.url(link))) == (504, "storage_timeout")
    trap.cut()
    assert links.uses_left(link) == 1
    assert request(links.url(link)).ok() == SMALL


def test_storage_that_breaks_off_is_gone_on_with(links):
    link = links.issue(sha256(CONTENT))
    # The answer's head, the claim's answers where they are in storage too, and much of the body.
    links.storage_relay.cut_after(len(CONTENT) // 2)
    reader = Reader(links.url(link))
    assert len(reader.read_to_the_end()) < len(CONTENT)
    rest = reader.rest(links.url(link, links.other), "if_match")
    assert (rest.status, reader.received + rest.body == CONTENT) == (206, True)
    assert links.count("claimed") == links.count("resumed") == 1


# The store fails.

@on_a_bucket_too
def test_a_lost_answer_is_looked_up(shared):
    """The claim was carried out. The gateway finds that it is its own, and goes on."""
    link = shared.issue(sha256(SMALL))
    trap = shared.store_relay.trap(CLAIMS[shared.kind], hold="answer")
    asking = Asking(shared.url(link))
    trap.wait()
    trap.cut()
    assert asking.ended().ok() == SMALL
    assert everywhere(shared, link) == [SPENT, SPENT]
    assert (shared.count("claimed"), shared.count("in_doubt")) == (1, 0)


def test_an_answer_that_cannot_be_looked_up_is_none(shared):
    """The claim was carried out, and the gateway cannot know. The use is lost, and counted."""
    link = shared.issue(sha256(SMALL))
    trap = shared.store_relay.trap(CLAIMS[shared.kind], hold="answer")
    asking = Asking(shared.url(link))
    trap.wait()
    shared.store_relay.stop()
    assert refused(asking.ended()) == (503, "outcome_unknown")
    shared.store_relay.start()
    eventually(lambda: everywhere(shared, link) == [SPENT, SPENT], what="all replicas know")
    assert (shared.count("claimed"), shared.count("in_doubt")) == (0, 1)


def test_a_claim_that_never_arrived_is_no_answer_either(shared):
    link = shared.issue(sha256(SMALL))
    trap = shared.store_relay.trap(CLAIMS[shared.kind], hold="request")
    asking = Asking(shared.url(link))
    trap.wait()
    trap.cut()
    assert refused(asking.ended()) == (503, "outcome_unknown")
    assert shared.count("in_doubt") == 1
    # It was not taken, as it turns out.
    assert request(shared.url(link, 1)).ok() == SMALL


def test_a_claim_that_arrives_late_is_heeded(build):
    """Nobody was served by it, and nobody is: it is the one that counts once it is there."""
    # A bucket has it no more: the gateway ends the connection together with its patience.
    shared = build("redis")
    link = shared.issue(sha256(SMALL))
    trap = shared.store_relay.trap(CLAIMS[shared.kind], hold="request")
    asking = Asking(shared.url(link))
    trap.wait()
    assert refused(asking.ended()) == (503, "outcome_unknown")
    assert shared.uses_left(link, 1) == 1
    trap.open()
    eventually(lambda: shared.uses_left(link, 1) == 0, what="the claim")
    assert everywhere(shared, link) == [SPENT, SPENT]
    assert (shared.count("claimed"), shared.count("in_doubt")) == (0, 1)


def test_a_store_that_is_down_takes_no_use(shared):
    link = shared.issue(sha256(SMALL))
    shared.store_relay.stop()
    answers = race([shared.url(link)] * 50)
    kinds = {(status, b"_unavailable" in body) for status, body in answers}
    assert kinds == {(503, True)}
    # The other replica still has it.
    assert shared.uses_left(link, 1) == 1
    assert request(shared.url(link, 1)).ok() == SMALL
    shared.store_relay.start()
    eventually(lambda: everywhere(shared, link) == [SPENT, SPENT], what="all replicas know")
