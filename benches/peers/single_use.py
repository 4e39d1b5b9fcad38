"""The tokens workload: who is measured, and what is asked about single-use links."""

import base64
import functools
import secrets
from dataclasses import dataclass, field

import objects
import stores
from contenders import Contender

SIZE = "1 KiB"
CONNECTIONS = 32
LINKS, STREAM, REDIRECT = "/links/", "/stream/", "/redirect/"


@dataclass(frozen=True)
class LinkContender(Contender):
    """A gateway, with the store it writes uses down in; its headers are those of issuers."""

    store: stores.Store = None
    # Tokens that are good still, and those that are not any more.
    fresh: list = field(default_factory=list)
    spent: list = field(default_factory=list)


@dataclass(frozen=True)
class Question:
    """One kind of request."""

    label: str
    method: str
    path: str
    status: int
    # Those that do not ask the store are measured once.
    asks_store: bool = False
    is_authorized: bool = False


ISSUE = Question("issue", "POST", LINKS, 201, is_authorized=True)
HEAD = Question("HEAD", "HEAD", LINKS, 200, asks_store=True)
REDEEM = Question("redeem", "GET", LINKS, 200, asks_store=True)
SPENT = Question("spent", "GET", LINKS, 410, asks_store=True)
FORGED = Question("forged", "GET", LINKS, 404)
GARBAGE = Question("garbage", "GET", LINKS, 404)
DOWNLOAD = Question("download", "GET", STREAM, 200, is_authorized=True)
REDIRECTED = Question("redirect", "GET", REDIRECT, 302, is_authorized=True)
# Each finds the tokens that those before it left.
QUESTIONS = [ISSUE, HEAD, REDEEM, SPENT, FORGED, GARBAGE, DOWNLOAD, REDIRECTED]


def forge(token):
    """What a foreign key would have sealed, with the form and the key's name of a good token.

    All between those is a random nonce, a cipher's output and a tag, so that nobody can tell it
    from random bytes who does not have the key.
    """
    version, purpose, payload, footer = token.split(".")
    payload = base64.urlsafe_b64encode(secrets.token_bytes(len(payload) * 3 // 4))
    return ".".join([version, purpose, payload.rstrip(b"=").decode(), footer])


def garbage(token):
    """As long as a token, and in no way one."""
    return secrets.token_urlsafe(len(token))[: len(token)]


def casgate(bench, row, family, binary, start_store):
    path = binary()
    store = start_store(bench, row, path)
    program, port, headers = bench.casgate(
        row.replace(" ", "-"),
        path,
        "single_use.yaml",
        access_log=False,
        claims={"role": "issuer"},
        environment={"BENCH_TOKEN_KEY": bench.token_key},
        STATE=store.state,
        MORE_BUCKETS=store.more_buckets,
    )
    return [LinkContender(row, family, program, port, LINKS, headers, store=store)]


def starters(bench, binaries):
    """The rows to come, and the functions that start them."""
    bench.token_key = base64.b64encode(secrets.token_bytes(32)).decode()
    for name, binary in binaries.items():
        for store, start_store in stores.STORES.items():
            row = f"{name} {store}"
            yield [row], functools.partial(casgate, bench, row, name, binary, start_store)


def write_object(folder):
    """The object of all links."""
    [item] = objects.write(folder, [SIZE])
    return item


def turns(chosen):
    """Who is asked what."""
    firsts = {contender.family: contender for contender in reversed(chosen)}
    return [
        (contender, question)
        for question in QUESTIONS
        for contender in chosen
        if question.asks_store or contender is firsts[contender.family]
    ]
