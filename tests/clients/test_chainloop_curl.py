"""Chainloop's downloads, by the clients people use for them: curl and wget."""

import json
import re
import subprocess

import pytest
from web import bearer, curl, request, sha256

ROUTES = ("redirect", "stream")


class Sample:
    """The addresses of dev's sample by either delivery, and what identifies it."""

    def __init__(self, dev):
        self.digest, self.size = dev.ready["sample"]["digest"], dev.ready["sample"]["size"]
        self.jwt = dev.ready["jwt"]
        self.header = f"Authorization: Bearer {self.jwt}"
        self.prefixes = {
            "redirect": dev.url + "/download/",
            "stream": dev.url + dev.ready["stream_path"],
        }
        self.urls = {name: prefix + self.digest for name, prefix in self.prefixes.items()}

    def check(self, content):
        assert (len(content), sha256(content)) == (self.size, self.digest)


@pytest.fixture(scope="module")
def sample(dev):
    return Sample(dev)


def test_curl_follows_the_redirect(sample):
    # With -L curl keeps the header for the first host only; storage would refuse two credentials.
    sample.check(curl("--fail", "--location", "--header", sample.header, sample.urls["redirect"]))


def test_the_redirect_has_a_location_and_nothing_else(sample):
    answer = request(sample.urls["redirect"], **bearer(sample.jwt))
    assert (answer.status, answer.body) == (302, b"")
    assert "accept" in answer.headers["vary"].lower()
    assert re.search("private|no-store", answer.headers["cache-control"])
    assert "refresh" not in answer.headers
    sample.check(request(answer.headers["location"]).ok())


def test_a_browser_is_told_to_wait_a_second(sample):
    accept = "text/html,application/xhtml+xml,*/*;q=0.8"
    answer = request(sample.urls["redirect"], accept=accept, **bearer(sample.jwt))
    assert (answer.status, answer.body) == (302, b"Your download will begin shortly...\n")
    assert "location" not in answer.headers
    assert "accept" in answer.headers["vary"].lower()
    wait, url = re.fullmatch(r"(\d+);url=(.+)", answer.headers["refresh"]).groups()
    assert wait == "1"
    sample.check(request(url).ok())


@pytest.mark.parametrize("delivery", ROUTES)
def test_head_is_answered_by_the_gateway(sample, delivery):
    answer = curl("--head", "--header", sample.header, sample.urls[delivery]).decode()
    assert re.match(r"HTTP/1.1 200 ", answer)
    assert re.search(rf"(?im)^content-length: {sample.size}\r$", answer)


@pytest.mark.parametrize("delivery", ROUTES)
def test_the_token_may_ride_in_the_query(sample, delivery):
    url = f"{sample.urls[delivery]}?t={sample.jwt}"
    assert sample.jwt not in request(url).headers.get("location", "")
    sample.check(curl("--fail", "--location", url))


def test_curl_streams(sample):
    sample.check(curl("--fail", "--header", sample.header, sample.urls["stream"]))


@pytest.mark.parametrize("client", ["curl", "wget"])
def test_a_cut_download_is_resumed(sample, client, folder):
    url, file = sample.urls["stream"], folder / "artifact"
    whole = curl("--fail", "--header", sample.header, url)
    file.write_bytes(whole[: 7_654_321])
    commands = {
        "curl": ["curl", "-v", "--fail", "--max-time", "60", "-C", "-", "-o", file],
        "wget": ["wget", "-d", "--timeout=60", "--tries=1", "-c", "-O", file],
    }
    done = subprocess.run(
        [*commands[client], "--header", sample.header, url], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert b"HTTP/1.1 206 " in done.stderr
    sample.check(file.read_bytes())


def test_a_range_has_the_bytes_asked_for(sample):
    whole = curl("--fail", "--header", sample.header, sample.urls["stream"])
    for spec, expected in (("100-199", whole[100:200]), ("-10", whole[-10:])):
        answer = request(sample.urls["stream"], range=f"bytes={spec}", **bearer(sample.jwt))
        assert (answer.status, answer.body) == (206, expected)
    beyond = request(sample.urls["stream"], range=f"bytes={sample.size}-", **bearer(sample.jwt))
    assert beyond.status == 416
    assert beyond.headers["content-range"] == f"bytes */{sample.size}"


def test_curl_does_not_fetch_twice_what_it_has(sample, folder):
    etag, options = folder / "etag", ("--fail", "--header", sample.header)
    curl(*options, "--etag-save", etag, "-o", folder / "first", sample.urls["stream"])
    assert etag.read_text().strip()
    status = ("-o", folder / "second", "--write-out", "%{http_code} %{size_download}")
    again = curl(*options, "--etag-compare", etag, *status, sample.urls["stream"])
    assert again == b"304 0"


UNKNOWN = "sha256:" + "0" * 64
GOOD = "the token of dev"
REFUSALS = {
    "no token": (UNKNOWN, None, 401, "UNAUTHORIZED", "JWT token is missing"),
    "another scheme": (UNKNOWN, "Basic eDp5", 401, "UNAUTHORIZED", "JWT token is missing"),
    "no JWT at all": (UNKNOWN, "Bearer nonsense", 401, "UNAUTHORIZED", "Token is invalid"),
    "unknown digest": (UNKNOWN, GOOD, 404, "not found", "artifact not found"),
    "upper case": ("sha256:" + "A" * 64, GOOD, 400, "invalid", "invalid digest format"),
    "too short": ("sha256:" + "0" * 63, GOOD, 400, "invalid", "invalid digest format"),
    "another algorithm": ("sha512:" + "0" * 128, GOOD, 400, "invalid", "invalid digest format"),
    "a path out": ("..%2fetc", GOOD, 400, "invalid", "invalid digest format"),
}


@pytest.mark.parametrize("delivery", ROUTES)
@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_have_the_shape_of_chainloop(sample, delivery, case, folder):
    name, authorization, status, reason, message = REFUSALS[case]
    options = ["-o", folder / "body", "--write-out", "%{http_code} %{content_type}"]
    if authorization:
        value = f"Bearer {sample.jwt}" if authorization is GOOD else authorization
        options += ["--header", f"Authorization: {value}"]
    head = curl(*options, sample.prefixes[delivery] + name).decode()
    assert head == f"{status} application/json"
    body = json.loads((folder / "body").read_bytes())
    assert set(body) == {"code", "reason", "message", "metadata"}
    assert (body["code"], body["reason"], body["metadata"]) == (status, reason, {})
    assert body["message"].startswith(message)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(sample, method):
    assert request(sample.urls["stream"], method, **bearer(sample.jwt)).status == 405
