"""Half an hour of everything at once: whether every answer is right, and memory and descriptors stay.

Downloads over HTTP/1 and HTTP/2, with TLS and without, streamed and redirected, whole, in part and
given up; files that are added and read as graphs of blocks; new tokens, bad tokens, missing objects,
nonsense; clients that read slowly or say nothing; a renewed certificate and a reload every ten seconds.
"""

import hashlib
import http.client
import json
import os
import random
import re
import socket
import ssl
import statistics
import subprocess
import threading
import time
from urllib.parse import urlsplit

import jwt
import pytest
from certificates import self_signed
from s3 import route
from web import sha256

MINUTES = float(os.environ.get("CASGATE_SOAK_MINUTES", "30"))
SIZES = (0, 100, 65_536, 65_537, 3_000_000)
CONTENTS = [random.Random(size).randbytes(size) for size in SIZES]
SECRET = "a secret of sufficient length for HS256"
ISSUER = {"iss": "https://soak.test", "aud": "casgate"}


@pytest.fixture(scope="module")
def folder_of_tls(tmp_path_factory):
    return tmp_path_factory.mktemp("soak")


@pytest.fixture(scope="module")
def gateway(embedded, serve, folder_of_tls):
    for content in CONTENTS:
        embedded.put(sha256(content), content)
    certificate, key = self_signed(folder_of_tls, "server")
    (folder_of_tls / "secret").write_text(SECRET)
    tls = {"certificates": [{"certificate": str(certificate), "key": str(key)}]}
    auth = {"jwt": {"issuers": ["soak"], "read": "claims.scope == 'read'"}}
    cids = {
        "path": "/cids/",
        "dialect": {"kubo": {}},
        "bucket": "artifacts",
        "layout": "{cid}",
        "auth": {"jwt": {**auth["jwt"], "write": auth["jwt"]["read"]}},
        "delivery": "stream",
    }
    return serve(
        embedded,
        [*({**route(f"/{name}/", name), "auth": auth} for name in ("stream", "redirect")), cids],
        listen=[{"address": "127.0.0.1:0", "http2": True}, {"address": "127.0.0.1:0", "tls": tls}],
        issuers={"soak": {"iss": ISSUER["iss"], "audience": ["casgate"],
                          "keys": {"hs256": {"file": str(folder_of_tls / "secret")}}}},
        timeouts={"reload_interval": "1s", "header": "5s"},
        # Both are full long before the first measurement.
        limits={"remembered_verdicts": 500, "remembered_objects": 500},
    )


def token(scope="read", seconds=3600):
    claims = {**ISSUER, "scope": scope, "exp": int(time.time()) + seconds, "jti": random.random()}
    return jwt.encode(claims, SECRET, algorithm="HS256")


class Mix:
    """One client after the other, each of a random kind."""

    def __init__(self, gateway, folder):
        plain, tls = (urlsplit(url) for url in gateway.ready["urls"])
        self.plain, self.tls = (plain.hostname, plain.port), (tls.hostname, tls.port)
        self.folder, self.ended, self.done, self.failures = folder, threading.Event(), 0, []
        self.kinds = [self.download] * 8 + [self.part, self.give_up, self.refused, self.nonsense,
                                            self.silent, self.redirect, self.slow_reader, self.graph]

    def run(self):
        while not self.ended.is_set():
            kind = random.choice(self.kinds)
            try:
                kind()
                self.done += 1
            except Exception as error:
                self.failures.append(f"{kind.__name__}: {error!r}")

    def connect(self):
        if random.random() < 0.5:
            return http.client.HTTPConnection(*self.plain, timeout=60)
        # Whether the certificate is right is asked elsewhere; here it changes all the time.
        context = ssl._create_unverified_context()
        return http.client.HTTPSConnection(*self.tls, timeout=60, context=context)

    def ask(self, connection, route, content, bearer=None, **headers):
        headers["Authorization"] = f"Bearer {bearer or token()}"
        connection.request("GET", f"/{route}/{sha256(content)}", headers=headers)
        return connection.getresponse()

    def download(self):
        connection, bearer = self.connect(), token()
        for _ in range(3):
            content = random.choice(CONTENTS)
            answer = self.ask(connection, "stream", content, bearer)
            assert (answer.status, answer.read() == content) == (200, True)
        connection.close()

    def part(self):
        content = CONTENTS[-1]
        connection = self.connect()
        answer = self.ask(connection, "stream", content, Range="bytes=1000-99999")
        assert (answer.status, answer.read() == content[1000:100_000]) == (206, True)
        connection.close()

    def redirect(self):
        content = random.choice(CONTENTS)
        connection = self.connect()
        answer = self.ask(connection, "redirect", content)
        assert (answer.status, answer.read()) == (302, b"")
        connection.close()

    def graph(self):
        content, view = random.choice(CONTENTS), random.choice(("cat", "get"))
        connection, headers = self.connect(), {"Authorization": f"Bearer {token()}"}
        head = b'--soak\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
        form = {**headers, "Content-Type": "multipart/form-data; boundary=soak"}
        connection.request("POST", "/cids/api/v0/add", head + content + b"\r\n--soak--\r\n", form)
        answer = connection.getresponse()
        added = json.loads(answer.read())
        assert answer.status == 200, added
        connection.request("POST", f"/cids/api/v0/{view}?arg={added['Hash']}", headers=headers)
        answer = connection.getresponse()
        assert (answer.status, answer.read() == content) == (200, True)
        connection.close()

    def give_up(self):
        connection = self.connect()
        self.ask(connection, "stream", CONTENTS[-1]).read(random.choice((0, 1, 100_000)))
        connection.sock.close()

    def refused(self):
        connection = self.connect()
        missing, bad = random.randbytes(8), random.choice((token("write"), token(seconds=-3600), "x.y.z"))
        assert self.ask(connection, "stream", missing).read() and self.ask(connection, "stream", b"", bad).status in (401, 404)
        connection.close()

    def raw(self, data):
        with socket.create_connection(self.plain, timeout=30) as stream:
            stream.sendall(data)
            while stream.recv(65_536):
                pass

    def nonsense(self):
        self.raw(random.choice((b"\0\1\2\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
                                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense of some length in place of a frame")))

    def silent(self):
        self.raw(random.choice((b"", b"GET /stream/", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")))

    def slow_reader(self):
        content = CONTENTS[-1]
        connection = self.connect()
        answer = self.ask(connection, "stream", content)
        digest = hashlib.sha256()
        for _ in range(10):
            digest.update(answer.read(len(content) // 10))
            time.sleep(0.1)
        digest.update(answer.read())
        assert "sha256:" + digest.hexdigest() == sha256(content)
        connection.close()

    def http2_load(self):
        """h2load against the listener with TLS, again and again."""
        host, port = self.tls
        while not self.ended.is_set():
            urls = [f"https://{host}:{port}/{random.choice(('stream', 'redirect'))}/{sha256(content)}"
                    for content in CONTENTS]
            done = subprocess.run(["h2load", "-n", "500", "-c", "4", "-m", "10", "-H",
                                   f"authorization: Bearer {token()}", *urls],
                                  capture_output=True, text=True, timeout=300, check=False)
            counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", done.stdout)
            if not counts or counts.groups() != ("500", "0", "0", "0"):
                self.failures.append(f"h2load: {done.stdout[-400:]} {done.stderr[-200:]}")
            self.done += 500

    def change(self):
        """A renewed certificate every ten seconds, which is a reload too."""
        while not self.ended.wait(10):
            self_signed(self.folder, "server")


def resident(pid):
    """Anonymous and other resident memory, in KiB."""
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1])


def test_half_an_hour_of_everything(gateway, folder_of_tls):
    pid = gateway.child.pid
    mix = Mix(gateway, folder_of_tls)
    threads = [threading.Thread(target=run) for run in [mix.run] * 12 + [mix.http2_load, mix.change]]
    for thread in threads:
        thread.start()
    samples, descriptors, began = [], [], time.monotonic()
    try:
        while (passed := time.monotonic() - began) < MINUTES * 60:
            time.sleep(1)
            samples.append((passed / (MINUTES * 60), resident(pid)))
            descriptors.append(len(os.listdir(f"/proc/{pid}/fd")))
    finally:
        mix.ended.set()
        for thread in threads:
            thread.join()
    assert mix.failures == [], f"{len(mix.failures)} of {mix.done}"
    middle = statistics.median(size for when, size in samples if 0.4 <= when < 0.6)
    end = statistics.median(size for when, size in samples if when >= 0.8)
    print(f"{mix.done} requests in {MINUTES} minutes; resident {middle} KiB, then {end} KiB; "
          f"at most {max(descriptors)} descriptors")
    assert end <= middle * 1.02, f"memory grew from {middle} KiB to {end} KiB"
    assert statistics.median(descriptors[-60:]) <= statistics.median(descriptors[60:120]) * 1.5 + 10
