"""Routes for uploads that come in pieces, over one or more gateways, and what is uploaded there."""

import hashlib

from caches import issuers, token
from contents import written
from process import eventually
from web import bearer, request

MIB = 1024**2
PATH = "/files/"
LAYOUT = "files/{key}"
SIZES = [0, 1, 5 * MIB + 1, 40 * MIB]
# Whose pages may upload.
ORIGIN = "https://app.test"
# What somebody is told whose upload is over, or was never there.
GONE = (404, 410)


def upload_route(dialect, origin=ORIGIN):
    """A route that everybody of the tests' issuer reads, and where the main branch uploads."""
    rules = {
        "issuers": ["github"],
        "read": "true",
        "write": "claims.ref == 'refs/heads/main'",
    }
    return {
        "path": PATH,
        "dialect": {dialect: {"origins": [origin]}},
        "bucket": "artifacts",
        "layout": LAYOUT,
        "auth": {"jwt": rules},
        "delivery": "stream",
    }


def route_of_tenants(dialect):
    """The same, where each owner of repositories has uploads of its own."""
    route = upload_route(dialect) | {"layout": "{tenant}/" + LAYOUT}
    route["auth"]["jwt"]["tenant"] = "claims.repository_owner"
    return route


def sections(folder, state):
    """What the configuration of a replica has besides its routes and its bucket."""
    folder.mkdir(parents=True, exist_ok=True)
    return {"issuers": issuers(folder), "state": state}


def single(dialect, storage, serve, folder, origin=ORIGIN, **more):
    """One gateway, whose state is a file."""
    state = {"embedded": {"path": str(folder / "state.redb")}}
    return serve(storage, [upload_route(dialect, origin)], **sections(folder, state), **more)


def replicas(dialect, store, fixture, serve, folder, count=2):
    """Gateways that share a state; `fixture` gives other fixtures."""
    if store == "redis":
        state = {"redis": {"servers": [fixture("redis").server]}}
    else:
        state = {"bucket": {"bucket": "artifacts"}}
    more = sections(folder, state)
    started = [serve(fixture("embedded"), [upload_route(dialect)], **more) for _ in range(count)]
    for gateway in started:
        ready = gateway.admin_url + "/readyz"
        eventually(lambda ready=ready: request(ready).status == 200, what="a replica that is ready")
    return started


def content_of(folder, size, seed=0):
    """The file and the bytes of an upload."""
    file = written(folder, size, seed)
    return file, file.read_bytes()


def downloaded(url, content):
    """Gets an upload; its bytes must be these."""
    answer = request(url, **bearer(token()))
    assert answer.status == 200, (answer.status, answer.body[:500])
    assert len(answer.body) == len(content)
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(content).digest()
    return answer


def is_gone(url, **headers):
    """Whether an upload can neither be asked for nor be had."""
    statuses = [request(url, method, **headers, **bearer(token())).status for method in ("HEAD", "GET")]
    return all(status in GONE for status in statuses)
