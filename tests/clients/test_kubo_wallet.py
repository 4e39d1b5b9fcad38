"""Sign-in by wallet: ethers signs, and the SDK of PollinationX uses the token that comes of it."""

import json
import os
from urllib.parse import urlencode

import pytest
from contents import digest, written
from kubo import kubo_route
from scripts import attempt, node
from web import request

# Of nobody's wallet: new ones at each run.
OWNER, STRANGER = (f"0x{os.urandom(32).hex()}" for _ in range(2))
CHAIN, TOKEN_ID = "0x13881", "7"
CONTRACT = "0xde709f2102306220921060314715629080e2fb77"


def signed(key, message):
    """The wallet's address, and its signature of a message."""
    return node("wallet", [{"message": message}], key=key)[0]


@pytest.fixture(scope="module")
def gateway(embedded, serve, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wallets")
    (folder / "secret").write_text(os.urandom(32).hex())
    issuer = {"iss": "wallets", "audience": ["cids"], "keys": {"hs256": {"file": str(folder / "secret")}}}
    owned = {"wallet": signed(OWNER, "")["wallet"], "contract": CONTRACT, "token_id": TOKEN_ID}
    rules = {"issuers": ["wallets"], "tenant": "claims.tokenId", "read": "true", "write": "true"}

    def route(path, issued):
        login = {"issuer": "wallets", "chains": [CHAIN], "wallets": [owned], "issued_nonces": issued}
        login["endpoint"] = "https://cids.example.com/api/v1"
        settings = {"body": "tar", "login": login}
        return kubo_route(path, **settings) | {"auth": {"jwt": rules}, "layout": "{tenant}/wallet/{cid}"}

    state = {"embedded": {"path": str(folder / "state.redb")}}
    routes = [route("/", True), route("/own/", False)]
    return serve(embedded, routes, issuers={"wallets": issuer}, state=state)


def login(gateway, path="/", **parameters):
    return request(f"{gateway.url}{path}auth/login?{urlencode(parameters)}")


def issued(gateway, wallet):
    """A nonce that the gateway gives out."""
    answer = request(f"{gateway.url}/auth/nonce?{urlencode({'wallet': wallet})}")
    return json.loads(answer.ok())["nonce"]


def test_a_wallet_opens_its_storage(gateway, embedded, folder):
    nonce = issued(gateway, signed(OWNER, "")["wallet"])
    parameters = signed(OWNER, nonce) | {"nonce": nonce, "chain": CHAIN}
    answer = login(gateway, **parameters)
    assert answer.headers["access-control-allow-origin"] == "*"
    members = json.loads(answer.ok())
    assert (members["success"], members["totalCount"]) == (True, 1)
    (nft,) = members["nfts"]
    assert nft["endpoint"] == "https://cids.example.com/api/v1"
    file, mount = written(folder, 700_000), {"url": f"{gateway.url}/api/v1", "token": nft["jwt"]}
    (address,) = node("pollinationx", [{"call": "upload", "file": str(file)}], **mount)
    download = {"call": "download", "address": address, "to": str(folder / "got")}
    assert node("pollinationx", [download], **mount) == [{"size": 700_000}]
    assert digest(folder / "got") == digest(file)
    assert embedded.keys(f"{TOKEN_ID}/wallet/")
    # What was signed once is good for one sign-in.
    assert login(gateway, **parameters).status == 401


def test_a_nonce_of_ones_own_is_good_once(gateway):
    parameters = signed(OWNER, "any text") | {"nonce": "any text", "chain": CHAIN}
    assert json.loads(login(gateway, "/own/", **parameters).ok())["totalCount"] == 1
    assert login(gateway, "/own/", **parameters).status == 401
    # Nor does it do where nonces come from the gateway.
    assert login(gateway, **parameters).status == 401


def test_who_is_not_the_owner_gets_nothing(gateway, folder):
    owner = signed(OWNER, "")["wallet"]
    for wallet, signer in ((owner, STRANGER), (signed(STRANGER, "")["wallet"], OWNER)):
        nonce = issued(gateway, wallet)
        parameters = {"wallet": wallet, "chain": CHAIN, "nonce": nonce}
        assert login(gateway, **parameters, signature=signed(signer, nonce)["signature"]).status == 401
    # A nonce is for one wallet.
    nonce = issued(gateway, signed(STRANGER, "")["wallet"])
    assert login(gateway, **signed(OWNER, nonce), nonce=nonce, chain=CHAIN).status == 401
    # Whoever signs for a wallet without storage has none.
    nonce = issued(gateway, signed(STRANGER, "")["wallet"])
    answer = login(gateway, **signed(STRANGER, nonce), nonce=nonce, chain=CHAIN)
    assert json.loads(answer.ok())["nfts"] == []
    step = {"call": "upload", "file": str(written(folder, 10))}
    mount = {"url": f"{gateway.url}/api/v1", "token": "x.y.z"}
    assert attempt("pollinationx", [step], **mount)[0]["error"]["status"] == 401


def test_errors_are_those_that_clients_know(gateway):
    nonce = issued(gateway, signed(OWNER, "")["wallet"])
    parameters = signed(OWNER, nonce) | {"nonce": nonce, "chain": "0x1"}
    answer = login(gateway, **parameters)
    assert (answer.status, json.loads(answer.body)) == (200, {"error": "Chain not supported"})
    del parameters["signature"]
    answer = login(gateway, **parameters)
    assert (answer.status, json.loads(answer.body)) == (400, {"error": "invalid params"})
