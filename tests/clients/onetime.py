"""Single-use links: gateways that make and honour them, and what is asked of those."""

import base64
import json
import os
from concurrent.futures import ThreadPoolExecutor

from caches import issuers, token
from process import eventually
from web import bearer, request

PATH = "/api/open/v1/artifact-downloads/"
# What links begin with. Replicas have ports of their own, so nobody ever goes there.
PUBLIC_URL = "https://links.test"
KEY = base64.b64encode(os.urandom(32)).decode()


def onetime_route(**settings):
    """A route where whoever has a token of the tests' issuer makes links."""
    return {
        "path": PATH,
        "dialect": {"onetime": settings},
        "bucket": "artifacts",
        "layout": "sha256:{hex}",
        "auth": {"jwt": {"issuers": ["github"], "read": "true", "issue": "true"}},
        "delivery": "stream",
    }


def sections(folder, state):
    """What the configuration of a replica has besides its routes and its bucket."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "token_key").write_text(KEY)
    keys = [{"file": str(folder / "token_key")}]
    return {
        "public_url": PUBLIC_URL,
        "issuers": issuers(folder),
        "tokens": {"keys": keys},
        "state": state,
    }


# Replicas for each place where they keep what they have to agree on. A file is one process's.
REPLICAS = {"file": 1, "redis": 3, "bucket": 3, "bucket-on-radosgw": 3}


def fleet(kind, fixture, serve, folder, **settings):
    """Replicas that share a state; `fixture` gives other fixtures."""
    storage = fixture("radosgw" if kind == "bucket-on-radosgw" else "embedded")
    if kind == "file":
        state = {"embedded": {"path": str(folder / "state.redb")}}
    elif kind == "redis":
        state = {"redis": {"servers": [fixture("redis").server]}}
    else:
        state = {"bucket": {"bucket": "artifacts"}}
    more = sections(folder, state)
    return Links(*start_all(REPLICAS[kind], lambda _: serve(storage, [onetime_route(**settings)], **more)),
                 storage=storage)


def start_all(count, start):
    """Starts so many replicas at the same time; `start` is given the number of each."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(start, range(count)))


class Links:
    """The links of gateways that share one state."""

    def __init__(self, *gateways, storage=None):
        self.gateways, self.storage = list(gateways), storage
        for gateway in gateways:
            ready = gateway.admin_url + "/readyz"
            eventually(lambda ready=ready: request(ready).status == 200, what="a replica that is ready")

    def url(self, link, replica=0):
        """A link as one of the replicas has it."""
        return self.gateways[replica].url + PATH + link

    def issue(self, digest, replica=0, **order):
        """A new link: what stands behind the path."""
        body = json.dumps({"digest": digest} | order).encode()
        answer = request(self.gateways[replica].url + PATH, "POST", body, **bearer(token()))
        assert answer.status == 201, (answer.status, answer.body)
        issued = json.loads(answer.body)
        assert issued["url"] == PUBLIC_URL + PATH + issued["token"]
        return issued["token"]

    def uses_left(self, link, replica=0):
        """How often it can be used, as its issuer is told."""
        answer = request(self.url(link, replica) + "/status", **bearer(token()))
        return json.loads(answer.ok())["uses_left"]

    def count(self, event):
        """How often this happened, on all replicas that run."""
        sample = f'casgate_single_use_total{{event="{event}",route="{PATH}"}} '
        found = 0
        for gateway in self.gateways:
            if gateway.child.poll() is None:
                lines = request(gateway.admin_url + "/metrics").ok().decode().splitlines()
                found += sum(int(line.removeprefix(sample)) for line in lines if line.startswith(sample))
        return found

    def redemptions(self, count=1):
        """Status and kind of the requests for links, oldest first, as soon as there are so many."""

        def logged():
            entries = []
            for gateway in self.gateways:
                lines = gateway.stdout.read_text().splitlines()[1:]
                entries += [entry for entry in map(json.loads, lines) if is_redemption(entry)]
            return entries if len(entries) >= count else None

        entries = sorted(eventually(logged, what=f"{count} requests"), key=lambda entry: entry["time"])
        return [(entry["status"], entry.get("kind")) for entry in entries]


def is_redemption(entry):
    """Whether a line of the access log is about somebody who asked for the bytes."""
    return entry.get("method") == "GET" and entry.get("path") == PATH + "***"


def refused(answer):
    """Status and code of a refusal."""
    return answer.status, json.loads(answer.body)["code"]
