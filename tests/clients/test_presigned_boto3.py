"""A redirect's URL against boto3's: the same signature, and as little use to anybody else."""

import subprocess
import urllib.request
from datetime import datetime, timezone
from unittest import mock
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from s3 import route
from web import curl, request, sha256

CONTENT = b"presigned " * 1000
DIGEST = sha256(CONTENT)


@pytest.fixture(scope="module")
def gateway(each_storage, serve):
    each_storage.put(DIGEST, CONTENT, filename='release 1.2 (final).bin')
    each_storage.put("another", b"another object")
    routes = [{**route("/download/", "redirect"), "redirect_ttl": "2m"}]
    return serve(each_storage, routes)


@pytest.fixture
def location(gateway):
    answer = request(f"{gateway.url}/download/{DIGEST}")
    assert answer.status == 302, answer
    return answer.headers["location"]


def query(url):
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def signed_by_boto3(url, storage):
    """The same URL with botocore's signature, made at the time the URL says."""
    parts, fields = urlsplit(url), query(url)
    rest = {name: value for name, value in fields.items() if not name.lower().startswith("x-amz-")}
    plain = urlunsplit(parts._replace(query=""))
    time = datetime.strptime(fields["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    asked = AWSRequest("GET", plain + ("?" + urlencode(rest) if rest else ""))
    signer = S3SigV4QueryAuth(
        Credentials(storage.access_key, storage.secret_key),
        "s3",
        storage.region,
        expires=int(fields["X-Amz-Expires"]),
    )
    with mock.patch("botocore.auth.get_current_datetime", return_value=time):
        signer.add_auth(asked)
    return asked.prepare().url


def test_the_signature_is_the_one_boto3_makes(location, each_storage):
    assert query(location) == query(signed_by_boto3(location, each_storage))


def test_it_leads_where_the_url_of_boto3_leads(location, each_storage):
    parameters = {"Bucket": each_storage.bucket, "Key": DIGEST}
    url = each_storage.client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=120)
    assert urlsplit(location).netloc == urlsplit(url).netloc
    assert query(location).keys() >= query(url).keys()
    assert 0 < int(query(location)["X-Amz-Expires"]) <= 120


def test_urllib_and_curl_fetch_it(location):
    with urllib.request.urlopen(location) as answer:
        assert answer.read() == CONTENT
    assert curl("--fail", location) == CONTENT


def test_a_tampered_url_is_refused(location):
    signature = query(location)["X-Amz-Signature"]
    flipped = ("1" if signature[0] == "0" else "0") + signature[1:]
    tampered = {
        "signature": location.replace(signature, flipped),
        "key": location.replace(urlsplit(location).path.rpartition("/")[2], "another"),
        "lifetime": location.replace("X-Amz-Expires=", "X-Amz-Expires=9"),
        "override": location + "&response-content-type=text%2Fhtml",
    }
    statuses = {name: request(url).status for name, url in tampered.items()}
    assert statuses == dict.fromkeys(tampered, 403)


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "POST"])
def test_another_method_is_refused(location, method, each_storage):
    command = ["--request", method, "--output", "/dev/null", "--write-out", "%{http_code}"]
    if method == "HEAD":
        command = ["--head", *command[2:]]
    # A POST to an object is no operation of S3, which servers may say before they check who asks.
    refusals = (b"400", b"403", b"405", b"501") if method == "POST" else (b"403",)
    assert curl(*command, location) in refusals
    stored = each_storage.client.get_object(Bucket=each_storage.bucket, Key=DIGEST)
    assert stored["Body"].read() == CONTENT


def test_storage_names_the_file(location, folder):
    options = ["--fail", "--silent", "--remote-name", "--remote-header-name"]
    subprocess.run(["curl", *options, location], cwd=folder, check=True)
    (file,) = [entry for entry in folder.iterdir() if entry.is_file()]
    assert file.read_bytes() == CONTENT
    assert file.name == "release 1.2 (final).bin"
