"""Many single-use links are being used while a store ends, stops for a while, or fails over: how many
are served twice, for every setting, and how many are lost.

A link is redeemed by several clients at once, over all replicas, and once more when all is well
again; so a use that a store forgot shows.
"""

import dataclasses
import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from onetime import Links, onetime_route, sections, start_all
from process import eventually
from race import race
from redis_servers import KEPT, Group, Redis
from web import sha256

FULL = os.environ.get("CASGATE_TESTS_FULL")
ROUNDS = 10 if FULL else 1
CONTENT = os.urandom(20_000)
# Requests for each link at the same time.
CLIENTS = 3


@dataclasses.dataclass
class Outcome:
    """What became of links: how often each was served, and what was said about it in the end."""

    used: int
    twice: int
    lost: int
    in_doubt: int


class Crowd:
    """Clients who redeem one new link after the other, until they are told to stop."""

    def __init__(self, links, workers=4):
        self.links, self.lock, self.stopped = links, threading.Lock(), threading.Event()
        self.served, self.statuses = Counter(), Counter()
        self.threads = [threading.Thread(target=self.work) for _ in range(workers)]
        for thread in self.threads:
            thread.start()

    def work(self):
        while not self.stopped.is_set():
            try:
                link = self.links.issue(sha256(CONTENT))
            except OSError:
                time.sleep(0.05)
                continue
            self.redeem(link)

    def redeem(self, link):
        replicas = len(self.links.gateways)
        try:
            answers = race([self.links.url(link, client % replicas) for client in range(CLIENTS)])
        except OSError:
            # The gateway is not there.
            answers = []
        assert all(body == CONTENT for status, body in answers if status == 200)
        with self.lock:
            self.served[link] += sum(status == 200 for status, _ in answers)
            self.statuses.update(status for status, _ in answers)
        return {status for status, _ in answers}

    def has_served(self, count):
        with self.lock:
            return sum(self.served.values()) >= count

    def go_on_for(self, count):
        """Waits until so many more were served."""
        with self.lock:
            known = sum(self.served.values())
        eventually(lambda: self.has_served(known + count), 60, f"{count} more downloads")

    def end(self):
        """Tries every link once more, until the answer is that there is nothing to be had."""
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        in_doubt = self.links.count("in_doubt")
        unserved = [link for link, count in self.served.items() if not count]

        def until_spent(link):
            eventually(lambda: self.redeem(link) == {410}, 60, "a link that is used up")

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(until_spent, list(self.served)))
        assert set(self.statuses) <= {200, 410, 503, None}, self.statuses
        return Outcome(
            used=len(self.served),
            twice=sum(count > 1 for count in self.served.values()),
            lost=sum(not self.served[link] for link in unserved),
            in_doubt=in_doubt,
        )


@pytest.fixture
def fleet(embedded, serve, folder):
    """Starts replicas over a state; storage has the content."""
    embedded.put(sha256(CONTENT), CONTENT)

    def start(state, replicas=3):
        more = sections(folder / "fleet", state)
        timeouts = {"state": "1s"}
        def replica(_):
            return serve(embedded, [onetime_route()], timeouts=timeouts, **more)
        return Links(*start_all(replicas, replica))

    return start


@pytest.fixture
def redis_with(folder):
    """Starts a Redis server that keeps what it is told as `KEPT` has it."""
    servers = []

    def start(kept):
        servers.append(Redis(folder, *KEPT[kept]))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def on(server):
    return {"redis": {"servers": [server.server]}}


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_a_file_survives_the_death_of_its_gateway(fleet, folder, measured, turn):
    state = {"embedded": {"path": str(folder / "state.redb")}}
    links = fleet(state, replicas=1)
    crowd = Crowd(links)
    crowd.go_on_for(50)
    links.gateways[0].stop()
    links.gateways[0] = fleet(state, replicas=1).gateways[0]
    crowd.go_on_for(20)
    outcome = crowd.end()
    measured(f"file, its gateway killed: {outcome}")
    assert outcome.twice == 0


@pytest.mark.parametrize("kept", KEPT)
def test_a_redis_that_was_killed(fleet, redis_with, measured, kept):
    server = redis_with(kept)
    links = fleet(on(server))
    crowd = Crowd(links)
    crowd.go_on_for(50)
    server.stop()
    server.start()
    crowd.go_on_for(20)
    outcome = crowd.end()
    measured(f"redis, killed, appendfsync {kept}: {outcome}")
    if kept == "always":
        assert outcome.twice == 0
        assert outcome.lost <= outcome.in_doubt
    if kept == "memory":
        # Nothing else can be; that is why the gateway warns of such a server.
        assert outcome.twice >= 50


def test_a_redis_that_stops_for_a_while(fleet, redis_with, measured):
    server = redis_with("memory")
    links = fleet(on(server))
    crowd = Crowd(links)
    crowd.go_on_for(20)
    server.pause()
    eventually(lambda: crowd.statuses[503] >= 6, what="refusals")
    server.go_on()
    crowd.go_on_for(20)
    outcome = crowd.end()
    measured(f"redis, stopped for a while: {outcome}")
    assert outcome.twice == 0
    assert outcome.lost <= outcome.in_doubt


WAITS = {"nothing": {}, "a-replica": {"wait": {"replicas": 1, "timeout": "500ms"}}}


@pytest.fixture
def group(folder):
    """A primary with a replica, watched by sentinels."""
    servers = Group(folder)
    yield servers
    servers.stop()


def watched(group, waits):
    servers = [sentinel.server for sentinel in group.sentinels]
    topology = {"topology": {"sentinel": {"primary": "casgate"}}}
    return {"redis": {"servers": servers} | topology | WAITS[waits]}


def replace_primary(group, returns_as_primary):
    """Kills the primary, and starts it again, with nothing, when another took its place."""
    primary, replica = group.servers
    primary.stop()
    eventually(group.has_failed_over, what="a new primary")
    # Sentinels would make it a replica too, some ten seconds later; until then it does not know.
    primary.start(*(() if returns_as_primary else ("--replicaof", "127.0.0.1", replica.port)))
    # On a busy machine it may become the primary once more.
    group.allow_replication(primary)


# What a write waits for, whether the replica that takes over lacks the last ones, as on a network that
# is cut, and which time it is.
FAILOVERS = [(waits, is_behind, turn) for waits in WAITS for is_behind in ((True, False) if FULL else (True,))
             for turn in range(ROUNDS)]


@pytest.mark.parametrize(("waits", "is_behind", "turn"), FAILOVERS)
def test_a_primary_that_was_killed(fleet, group, measured, waits, is_behind, turn):
    links = fleet(watched(group, waits))
    crowd = Crowd(links)
    crowd.go_on_for(20)
    if is_behind:
        group.cut_replication()
        if waits == "a-replica":
            eventually(lambda: crowd.statuses[503] >= 6, what="refusals")
        else:
            crowd.go_on_for(20)
    replace_primary(group, returns_as_primary=turn % 2 == 1)
    crowd.go_on_for(20)
    outcome = crowd.end()
    behind = ", a replica behind" if is_behind else ""
    measured(f"sentinel, primary killed{behind}, waits for {waits}: {outcome}")
    if waits == "a-replica":
        assert outcome.twice == 0
        assert outcome.lost <= outcome.in_doubt
    elif is_behind:
        # What the documentation says would happen.
        assert outcome.twice >= 10
