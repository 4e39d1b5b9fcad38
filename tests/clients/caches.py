"""Gateways for build caches, and the tokens of the people and pipelines that use them."""

import contextlib
import dataclasses
import json
import socket
import subprocess
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

ISSUER = "https://token.actions.githubusercontent.com"
AUDIENCE = "casgate-tests"
KEY = ec.generate_private_key(ec.SECP256R1())
MAIN = {"repository_owner": "acme", "repository": "acme/web", "ref": "refs/heads/main"}

# Teams as the configuration knows them; nothing is said about the others.
TENANTS = {
    "acme": {"aliases": ["team_1a2b3c"], "title": "Acme Inc."},
    "closed": {"status": "disabled"},
}


def token(**changes):
    """A token as GitHub Actions has them, of the main branch but for the changes; a claim changed
    to None is left out."""
    now = int(time.time())
    registered = {"iss": ISSUER, "aud": AUDIENCE, "sub": "tests", "iat": now, "exp": now + 900}
    claims = {name: value for name, value in (MAIN | changes).items() if value is not None}
    return jwt.encode(registered | claims, KEY, "ES256", headers={"kid": "tests"})


def pull_request(number):
    """A token of a pull request, from within the same repository."""
    return token(ref=f"refs/pull/{number}/merge")


def cache_route(path, dialect, delivery="stream", untrusted=None, **more):
    """A route where only the main branch writes what everybody reads."""
    rules = {
        "issuers": ["github"],
        "tenant": "claims.repository_owner",
        "read": "true",
        "write": "claims.ref == 'refs/heads/main'",
    }
    if untrusted:
        rules["untrusted"] = {"isolate": untrusted}
    return {
        "path": path,
        "dialect": {dialect: {}},
        "bucket": "artifacts",
        "layout": "{tenant}/{hash}",
        "auth": {"jwt": rules},
        "delivery": delivery,
        **more,
    }


def issuers(folder):
    """The issuer of these tokens for a configuration; its public key is a file in the folder."""
    public = jwt.get_algorithm_by_name("ES256").to_jwk(KEY.public_key(), as_dict=True)
    keys = {"keys": [{**public, "kid": "tests", "alg": "ES256", "use": "sig"}]}
    (folder / "jwks.json").write_text(json.dumps(keys))
    source = {"jwks": str(folder / "jwks.json")}
    return {"github": {"iss": ISSUER, "audience": [AUDIENCE], "keys": source}}


def run(command, folder, environment):
    """Runs a build tool to its end; what it says is one text."""
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


@contextlib.contextmanager
def down(storage):
    """The storage, as it is when nobody listens."""
    with socket.socket() as nobody:
        # Bound and not listening: every connection is refused.
        nobody.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        yield dataclasses.replace(storage, endpoint=endpoint)
