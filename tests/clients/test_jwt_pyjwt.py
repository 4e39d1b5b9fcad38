"""Tokens of another implementation, PyJWT: good ones open the door, and nothing else does."""

import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from s3 import route
from web import bearer, request, sha256

CONTENT = b"for bearers only"
SECRET = "a shared secret of more than thirty-two bytes"
READ = "'artifacts:read' in claims.scope.split(' ')"
KEYS = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "PS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "HS256": SECRET,
}


def public_jwk(algorithm):
    key = jwt.get_algorithm_by_name(algorithm).to_jwk(KEYS[algorithm].public_key(), as_dict=True)
    return {**key, "kid": algorithm, "alg": algorithm, "use": "sig"}


def claims(algorithm, **changes):
    now = int(time.time())
    return {
        "iss": "shared" if algorithm == "HS256" else "https://issuer.example/",
        "aud": "casgate-tests",
        "sub": "somebody",
        "org": "acme",
        "scope": "other artifacts:read",
        "iat": now,
        "exp": now + 300,
    } | changes


def token(algorithm, key=None, kid=None, headers=None, **changes):
    """A good token, but for what the arguments change; a claim changed to None is left out."""
    payload = {name: value for name, value in claims(algorithm, **changes).items() if value is not None}
    headers = {"kid": kid or algorithm} | (headers or {})
    return jwt.encode(payload, key or KEYS[algorithm], algorithm, headers=headers)


@pytest.fixture(scope="module")
def url(embedded, serve, tmp_path_factory):
    """A route for holders of a token of either issuer; the tenant is part of the key."""
    folder = tmp_path_factory.mktemp("keys")
    asymmetric = [public_jwk(algorithm) for algorithm in KEYS if algorithm != "HS256"]
    (folder / "jwks.json").write_text(json.dumps({"keys": asymmetric}))
    (folder / "secret").write_text(SECRET)
    sources = {
        "pairs": ("https://issuer.example/", {"jwks": str(folder / "jwks.json")}),
        "shared": ("shared", {"hs256": {"file": str(folder / "secret")}}),
    }
    issuers = {
        name: {"iss": iss, "audience": ["casgate-tests"], "keys": keys, "leeway": "0s"}
        for name, (iss, keys) in sources.items()
    }
    auth = {"jwt": {"issuers": list(issuers), "tenant": "claims.org", "read": READ}}
    digest = sha256(CONTENT)
    embedded.put(f"acme/{digest}", CONTENT)
    routes = [route("/download/", "stream", "{tenant}/sha256:{hex}", auth)]
    return f"{serve(embedded, routes, issuers=issuers).url}/download/{digest}"


def status(url, bearer_token):
    return request(url, **bearer(bearer_token)).status


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_token_of_pyjwt_is_accepted(url, algorithm):
    assert request(url, **bearer(token(algorithm))).ok() == CONTENT


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_key_id_is_needed_where_there_is_a_choice(url, algorithm):
    expected = 200 if algorithm == "HS256" else 401
    assert status(url, jwt.encode(claims(algorithm), KEYS[algorithm], algorithm)) == expected


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_changed_token_is_refused(url, algorithm):
    head, payload, signature = token(algorithm).split(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    for position in (0, len(raw) // 2, len(raw) - 1):
        raw[position] ^= 1
        changed = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        raw[position] ^= 1
        assert status(url, f"{head}.{payload}.{changed}") == 401
    other = token(algorithm, sub="somebody else").split(".")[1]
    assert status(url, f"{head}.{other}.{signature}") == 401
    assert status(url, f"{head}.{payload}.") == 401


def unsigned():
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{head}.{token('HS256').split('.')[1]}."


def with_public_key_as_secret():
    """The classic: the public key, which everybody has, used as the shared secret."""
    pem = KEYS["RS256"].public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"RS256"}').rstrip(b"=").decode()
    signed = f"{head}.{token('RS256').split('.')[1]}"
    mac = hmac.digest(pem, signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


REFUSED = {
    "unsigned": unsigned,
    "public key as secret": with_public_key_as_secret,
    "RS256 with the key for PS256": lambda: token("RS256", KEYS["PS256"], kid="PS256"),
    "another key": lambda: token("ES256", ec.generate_private_key(ec.SECP256R1())),
    "unknown key id": lambda: token("ES256", kid="nobody's"),
    "another secret": lambda: token("HS256", "quite another secret of enough bytes!"),
    "expired": lambda: token("ES256", exp=int(time.time()) - 5),
    "never expires": lambda: token("ES256", exp=None),
    "not yet": lambda: token("ES256", nbf=int(time.time()) + 120),
    "another issuer": lambda: token("ES256", iss="https://issuer.example"),
    "the other issuer's name": lambda: token("HS256", iss="https://issuer.example/"),
    "another audience": lambda: token("ES256", aud="somewhere else"),
    "no audience": lambda: token("ES256", aud=None),
    "critical extension": lambda: token("ES256", headers={"crit": ["b64"], "b64": False}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_everything_else_is_refused(url, case):
    answer = request(url, **bearer(REFUSED[case]()))
    assert answer.status == 401
    assert json.loads(answer.body)["reason"] == "UNAUTHORIZED"
    assert CONTENT not in answer.body


def test_who_may_not_read_learns_nothing(url):
    missing = url[:-64] + "0" * 64
    expected = request(missing, **bearer(token("ES256")))
    assert expected.status == 404
    for changes in ({"scope": "artifacts:reader"}, {"org": "another"}):
        answer = request(url, **bearer(token("ES256", **changes)))
        assert (answer.status, answer.body) == (404, expected.body)


@pytest.mark.parametrize("org", ["../acme", "acme/", "", ".", "a/../acme", "acme\x00", 7, None])
def test_a_tenant_is_one_path_segment(url, org):
    assert status(url, token("ES256", org=org)) in (401, 403, 404)
