"""Files with CIDs beyond 8 GiB, where archives have to say sizes in another way. Only with --full."""

import dataclasses
import hashlib
import http.client
import http.server
import json
import subprocess
import tarfile
import threading

import pytest
from caches import issuers
from contents import BLOCK, GIB
from kubo import Kubo, arg, kubo_route, kubo_routes
from process import resident

SIZE = 10 * GIB
# A little more than what eleven octal digits say.
OBJECT_SIZE = 8 * GIB + BLOCK
# The CID of so many zeros. ipfs-unixfs-importer 17.1 writes a size wrongly in which bit 31 is set.
ZEROS = "bafybeibezoafhw7orfgqkhwdznsmhtae5vbt57nlcgirfwvmrlq44o7c3q"
MEMORY_MAX = 64 * 1024**2
BOUNDARY = "casgate"


@pytest.fixture(scope="module")
def gateway(embedded, serve, tmp_path_factory):
    known = issuers(tmp_path_factory.mktemp("keys"))
    routes = [route | {"upload_size": "11GiB"} for route in kubo_routes()]
    return serve(embedded, routes, issuers=known)


@pytest.fixture(scope="module")
def nothing(tmp_path_factory):
    """A file of zeros that takes no place. All its leaves are one block, so its copy in the bucket
    takes none either."""
    file = tmp_path_factory.mktemp("zeros") / "zeros"
    with file.open("wb") as opened:
        opened.truncate(SIZE)
    return file


@pytest.fixture(scope="module")
def digest(nothing):
    with nothing.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def uploaded(mount, file):
    """The answer to a form with the file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    tail = f"\r\n--{BOUNDARY}--\r\n"

    def parts():
        yield head.encode()
        with file.open("rb") as opened:
            while chunk := opened.read(BLOCK):
                yield chunk
        yield tail.encode()

    headers = {
        "Authorization": f"Bearer {mount.token}",
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Content-Length": str(len(head) + file.stat().st_size + len(tail)),
    }
    host = mount.url.removeprefix("http://").partition("/")[0]
    connection = http.client.HTTPConnection(host, timeout=600)
    connection.request("POST", "/api/v0/add?cid-version=1", parts(), headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.fixture(scope="module")
def added(gateway, nothing):
    """The CID of the zeros, which the gateway took in little memory."""
    mount = Kubo(gateway.url)
    idle = resident(gateway, "VmRSS")
    status, body = uploaded(mount, nothing)
    assert status == 200, body
    growth = resident(gateway, "VmHWM") - idle
    assert growth < MEMORY_MAX, growth
    assert json.loads(body) == {"Name": "f", "Hash": ZEROS, "Size": "10739481012"}
    return ZEROS


def piped(mount, path, *command):
    """What a program prints that reads the answer."""
    curl = ["curl", "--fail", "-sS", *mount.curl_arguments(path)]
    with subprocess.Popen(curl, stdout=subprocess.PIPE) as source:
        done = subprocess.run(command, stdin=source.stdout, capture_output=True, text=True, check=False)
        source.stdout.close()
        assert (done.returncode, done.stderr, source.wait()) == (0, "", 0)
    return done.stdout


def in_archive(mount, path):
    """Name, size and digest of the only file in a tar archive, as tarfile reads it."""
    curl = ["curl", "--fail", "-sS", *mount.curl_arguments(path)]
    found = []
    with subprocess.Popen(curl, stdout=subprocess.PIPE) as source:
        with tarfile.open(fileobj=source.stdout, mode="r|", bufsize=BLOCK) as archive:
            for entry in archive:
                read = hashlib.file_digest(archive.extractfile(entry), "sha256").hexdigest()
                found.append((entry.name, entry.size, read))
        while source.stdout.read(BLOCK):
            pass
    assert source.returncode == 0
    (one,) = found
    return one


def test_a_large_file_is_got_in_little_memory(gateway, added, digest):
    mount, idle = Kubo(gateway.url), resident(gateway, "VmRSS")
    assert piped(mount, f"get?{arg(added)}", "sha256sum").split()[0] == digest
    growth = resident(gateway, "VmHWM") - idle
    print(f"memory above idle: {growth / 1024**2:.1f} MiB")
    assert growth < MEMORY_MAX


def test_gnu_tar_reads_more_than_8_gib(gateway, added, digest):
    mount = Kubo(f"{gateway.url}/tar")
    path = f"get?{arg(added)}"
    assert piped(mount, path, "sh", "-c", "tar -xOf - | sha256sum").split()[0] == digest
    listed = piped(mount, path, "tar", "-tvf", "-").split()
    assert (listed[2], listed[-1]) == (str(SIZE), added)


def test_tarfile_reads_more_than_8_gib(gateway, added, digest):
    assert in_archive(Kubo(f"{gateway.url}/tar"), f"get?{arg(added)}") == (added, SIZE, digest)


class Zeros(http.server.BaseHTTPRequestHandler):
    """Storage where every object is zeros."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if "?" in self.path:
            # What else is asked of storage: nobody knows.
            self.send_error(501)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(OBJECT_SIZE))
        self.end_headers()
        if self.command == "GET":
            for _ in range(OBJECT_SIZE // BLOCK):
                self.wfile.write(bytes(BLOCK))

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def zeros(embedded):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Zeros)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield dataclasses.replace(embedded, endpoint=f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


def test_one_object_of_more_than_8_gib(serve, folder, zeros):
    """Its archive is made around one object in storage."""
    known = hashlib.sha256()
    for _ in range(OBJECT_SIZE // BLOCK):
        known.update(bytes(BLOCK))
    digest, routes = known.hexdigest(), [kubo_route("/", digests="{tenant}/sha256:{hex}", body="tar")]
    gateway = serve(zeros, routes, issuers=issuers(folder))
    mount, cid, idle = Kubo(gateway.url), f"f01551220{digest}", resident(gateway, "VmRSS")
    assert in_archive(mount, f"get?{arg(cid)}") == (cid, OBJECT_SIZE, digest)
    tar = piped(mount, f"get?{arg(cid)}", "sh", "-c", "tar -xOf - | sha256sum")
    assert tar.split()[0] == digest
    assert resident(gateway, "VmHWM") - idle < MEMORY_MAX
