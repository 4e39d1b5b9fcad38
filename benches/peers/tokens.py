"""Tokens of the issuer in casgate.yaml and cache.yaml."""

import base64
import hashlib
import hmac
import json
import time


def hs256_token(secret, claims):
    """A token good for the run (RFC 7515)."""

    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    claims = {
        "iss": "https://bench.example",
        "aud": "casgate",
        "sub": "bench",
        "exp": int(time.time()) + 24 * 3600,
        **claims,
    }
    signed = b".".join(
        part(json.dumps(value).encode()) for value in ({"alg": "HS256", "typ": "JWT"}, claims)
    )
    mac = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return b".".join([signed, part(mac)]).decode()
