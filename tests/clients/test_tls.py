"""The gateway over TLS and HTTP/2, by clients that speak them: curl and AWS's SDK for Python."""

import http.client
import io
import ssl
from urllib.parse import urlsplit

import boto3
import botocore
import pytest
from botocore.config import Config
from certificates import issued, self_signed
from process import eventually
from s3 import route
from web import curl, sha256

CONTENT = bytes(range(251)) * 50_000  # 12 MB, so that the SDK asks for parts
DIGEST = sha256(CONTENT)


@pytest.fixture(scope="module")
def tls_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def gateway(embedded, serve, tls_folder):
    """One listener with TLS, one without that speaks HTTP/2, one for known clients only."""
    embedded.put(DIGEST, CONTENT, filename="drawing.bin")
    certificate, key = self_signed(tls_folder, "server")
    client_ca = issued(tls_folder, "client")
    tls = {"certificates": [{"certificate": str(certificate), "key": str(key)}]}
    listen = [
        {"address": "127.0.0.1:0", "tls": tls},
        {"address": "127.0.0.1:0", "http2": True},
        {"address": "127.0.0.1:0", "tls": {**tls, "client_ca": str(client_ca)}},
    ]
    routes = [route("/download/", "stream"), route("/redirect/", "redirect")]
    return serve(embedded, routes, listen=listen, timeouts={"reload_interval": "50ms"})


@pytest.fixture(scope="module")
def urls(gateway):
    """The listeners by what they are for; certificates are for `localhost`."""
    names = ("tls", "plain", "known")
    return {n: url.replace("127.0.0.1", "localhost") for n, url in zip(names, gateway.ready["urls"])}


@pytest.mark.parametrize(
    ("listener", "flag", "version"),
    [
        ("tls", "--http2", "2"),
        ("tls", "--http1.1", "1.1"),
        ("plain", "--http2-prior-knowledge", "2"),
        ("plain", "--http1.1", "1.1"),
    ],
)
def test_curl_downloads(urls, tls_folder, listener, flag, version):
    trust = ("--cacert", tls_folder / "server.crt")
    url = f"{urls[listener]}/download/{DIGEST}"
    out = tls_folder / "out"
    written = curl(flag, *trust, "--fail", "--output", out, "--write-out", "%{http_version}", url)
    assert (written.decode(), out.read_bytes() == CONTENT) == (version, True)
    part = curl(flag, *trust, "--fail", "--range", "100-199", url)
    assert part == CONTENT[100:200]
    head = curl(flag, *trust, "--head", url).decode().lower()
    assert head.startswith(f"http/{version} 200") and f"content-length: {len(CONTENT)}\r\n" in head
    # Storage speaks HTTP/1.1, and with prior knowledge curl would not.
    redirect = url.replace("/download/", "/redirect/")
    location = curl(flag, *trust, "--fail", "--write-out", "%{redirect_url}", redirect).decode()
    assert curl("--fail", location) == CONTENT
    missing = url.replace(DIGEST, "sha256:" + "0" * 64)
    answer = curl(flag, *trust, "--write-out", "%{http_code}", missing).decode()
    assert answer.endswith("404") and '"reason"' in answer


def test_curl_multiplexes(urls, gateway, tls_folder):
    """Twenty downloads at once over one connection, every one of them right."""
    url = f"{urls['tls']}/download/{DIGEST}"
    arguments = []
    for number in range(20):
        arguments += [url, "--output", tls_folder / f"out-{number}"]
    before = connections(gateway)
    report = curl("--http2", "--parallel", "--parallel-max", 20, "--cacert", tls_folder / "server.crt",
                  "--fail", "--write-out", "%{num_connects} ", *arguments).decode()
    assert sum(map(int, report.split())) <= 2, "new connections where one would do"
    for number in range(20):
        assert (tls_folder / f"out-{number}").read_bytes() == CONTENT
    eventually(lambda: connections(gateway) <= before, what="curl's connections end")


def connections(gateway):
    text = curl(gateway.admin_url + "/metrics").decode()
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith("casgate_connections "))


def test_only_known_clients(urls, tls_folder):
    trust = ("--cacert", tls_folder / "server.crt")
    url = f"{urls['known']}/download/{DIGEST}"
    known = ("--cert", tls_folder / "client.crt", "--key", tls_folder / "client.key")
    assert curl(*trust, *known, "--fail", url) == CONTENT
    for strangers in ((), ("--cert", tls_folder / "server.crt", "--key", tls_folder / "server.key")):
        assert curl(*trust, *strangers, "--write-out", "%{http_code}", url, check=False) == b"000"


@pytest.fixture
def sdk(urls, tls_folder):
    """An open route looks like a bucket to whoever reads from it."""
    config = Config(signature_version=botocore.UNSIGNED, s3={"addressing_style": "path"})
    return boto3.client("s3", endpoint_url=urls["tls"], region_name="us-east-1", config=config,
                        verify=str(tls_folder / "server.crt"))


def test_the_sdk_reads(sdk):
    head = sdk.head_object(Bucket="download", Key=DIGEST)
    assert (head["ContentLength"], head["ETag"]) == (len(CONTENT), f'"{DIGEST}"')
    assert sdk.get_object(Bucket="download", Key=DIGEST)["Body"].read() == CONTENT
    part = sdk.get_object(Bucket="download", Key=DIGEST, Range="bytes=-1000")
    assert part["Body"].read() == CONTENT[-1000:]
    with pytest.raises(sdk.exceptions.ClientError) as caught:
        sdk.get_object(Bucket="download", Key="sha256:" + "0" * 64)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_the_sdk_downloads_in_parts(sdk):
    """Its transfer manager asks for parts of 8 MiB, each if the ETag is still the same."""
    file = io.BytesIO()
    sdk.download_fileobj("download", DIGEST, file)
    assert file.getvalue() == CONTENT


def test_a_renewed_certificate_is_used(urls, gateway, tls_folder):
    parts = urlsplit(urls["tls"])

    def served():
        return ssl.get_server_certificate((parts.hostname, parts.port))

    before = served()
    context = ssl.create_default_context(cafile=tls_folder / "server.crt")
    old = http.client.HTTPSConnection(parts.hostname, parts.port, context=context, timeout=60)
    old.request("GET", f"/download/{DIGEST}")
    assert old.getresponse().read() == CONTENT
    self_signed(tls_folder, "server")
    eventually(lambda: served() != before, what="the new certificate")
    assert served().split() == (tls_folder / "server.crt").read_text().split()
    old.request("GET", f"/download/{DIGEST}")
    assert old.getresponse().read() == CONTENT, "connections of the old certificate live on"
