"""Three replicas of which one is killed every few seconds, while many upload: every artifact that was
acknowledged is there and whole, and nothing is left of what came to nothing.
"""

import http.client
import json
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from front import Front
from onetime import start_all
from process import Casgate, eventually
from s3 import configuration
from shakenfist import MIB, NAMESPACES, PATH, sections, shakenfist_route
from web import bearer, request, sha256

FULL = os.environ.get("CASGATE_TESTS_FULL")
UPLOADS = 100 if FULL else 10
UPLOADERS = 4
# What nobody appends to for so long is over; what storage took longer for, nobody waits for.
IDLE, UPLOAD_TIME = "12s", "8s"
# As Shaken Fist's client sends them.
FIRST_CHUNK, CHUNK_MAX = 4096, 2 * MIB
ATTEMPTS = 60


class Fleet:
    """Replicas that share a bucket and a store, each of which may die at any moment."""

    def __init__(self, folder, storage, state):
        self.folder, self.storage, self.state = folder, storage, state
        self.generation, self.deaths = 0, 0
        self.replicas = start_all(3, lambda _: self.start())
        self.front = Front(*(replica.url for replica in self.replicas))

    def start(self):
        self.generation += 1
        folder = self.folder / f"replica-{self.generation}-{os.urandom(2).hex()}"
        folder.mkdir(parents=True)
        config = configuration(
            self.storage, folder, [shakenfist_route(max_versions=3)], **sections(folder, self.state)
        )
        config["buckets"]["artifacts"]["abandoned_uploads_after"] = IDLE
        config["timeouts"] = {"upload": UPLOAD_TIME}
        replica = Casgate.run(folder, config)
        eventually(lambda: request(replica.admin_url + "/readyz").status == 200, what="a ready replica")
        return replica

    def kill_one(self, chance):
        """Kills a replica as a power cut does, and puts another in its place."""
        place = chance.randrange(3)
        os.kill(self.replicas[place].child.pid, signal.SIGKILL)
        self.replicas[place].wait()
        self.replicas[place] = self.start()
        self.front.servers[place] = ("127.0.0.1", int(self.replicas[place].url.rsplit(":", 1)[1]))
        self.deaths += 1

    def stop(self):
        self.front.stop()
        for replica in self.replicas:
            replica.stop()


class Uploader:
    """Does what Shaken Fist's client does, and begins again where that gives up."""

    def __init__(self, fleet, seed):
        self.url, self.chance = fleet.front.url + PATH.rstrip("/"), random.Random(seed)
        self.reruns = 0

    def ask(self, method, path, body=None):
        """The answer as it was meant, or None: nobody knows what became of the request."""
        try:
            answer = request(self.url + path, method, body, **self.headers)
        except (OSError, http.client.HTTPException):
            return None
        return json.loads(answer.body) if answer.status == 200 else None

    def log_in(self):
        login = json.dumps({"namespace": "demo", "key": NAMESPACES["demo"]}).encode()
        self.headers = {"content_type": "application/json"}
        answer = eventually(lambda: self.ask("POST", "/auth", login), what="a token")
        self.headers = bearer(answer["access_token"])

    def chunks(self, content):
        first, end = 0, min(FIRST_CHUNK, len(content))
        while first < len(content):
            yield first, content[first:end]
            first = end
            end = min(len(content), first + self.chance.randint(1, CHUNK_MAX))

    def send(self, upload, content):
        """Whether all of the content is in the upload."""
        for first, chunk in self.chunks(content):
            for _ in range(ATTEMPTS):
                if self.ask("POST", f"/upload/{upload}", chunk) == first + len(chunk):
                    break
                # Some of it may be there, or may come there yet: what is there is cut to what is known.
                if self.ask("POST", f"/upload/{upload}/truncate/{first}", b"") is None:
                    total = self.ask("POST", f"/upload/{upload}", b"")
                    if total is not None and total < first:
                        return False
                    time.sleep(0.05)
            else:
                return False
        return True

    def run(self, number):
        """Uploads a new artifact until that is acknowledged; its name and digest."""
        size = self.chance.choice([0, 1, FIRST_CHUNK, 3 * MIB, 8 * MIB, 9 * MIB + 1, 20 * MIB])
        content, name = self.chance.randbytes(size), f"artifact-{number}"
        for _ in range(ATTEMPTS):
            begun = self.ask("POST", "/upload", b"")
            if begun and self.send(begun["uuid"], content):
                order = json.dumps({"upload_uuid": begun["uuid"], "artifact_type": "other"}).encode()
                made = self.ask("POST", f"/artifacts/upload/{name}", order)
                if made:
                    return name, sha256(content), made["uuid"]
            self.reruns += 1
        raise AssertionError(f"{name} did not come through in {ATTEMPTS} attempts")


def upload_all(fleet):
    todo, lock = iter(range(UPLOADS)), threading.Lock()

    def work(seed):
        uploader, done = Uploader(fleet, seed), []
        uploader.log_in()
        while True:
            with lock:
                number = next(todo, None)
            if number is None:
                return done, uploader.reruns
            done.append(uploader.run(number))

    with ThreadPoolExecutor(UPLOADERS) as pool:
        futures = [pool.submit(work, seed) for seed in range(UPLOADERS)]
        chance = random.Random(7)
        while not all(future.done() for future in futures):
            # How often they die; nothing waits for it.
            time.sleep(chance.uniform(0.5, 2.0))
            fleet.kill_one(chance)
    results = [future.result() for future in futures]
    return [one for done, _ in results for one in done], sum(reruns for _, reruns in results)


def keys_below(storage, prefix):
    pages = storage.client.get_paginator("list_objects_v2").paginate(Bucket=storage.bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def test_nothing_acknowledged_is_lost_and_nothing_is_left(embedded, redis, folder, measured):
    fleet = Fleet(folder, embedded, {"redis": {"servers": [redis.server]}})
    try:
        began = time.monotonic()
        done, reruns = upload_all(fleet)
        seconds = time.monotonic() - began
        assert fleet.deaths > 0
        assert len(done) == UPLOADS
        reader = Uploader(fleet, 0)
        reader.log_in()
        blobs = set()
        for name, digest, artifact in done:
            shown = reader.ask("GET", f"/artifacts/{name}")
            assert shown["uuid"] == artifact
            blobs |= {blob["uuid"] for blob in shown["blobs"].values()}
            blob = shown["blobs"][str(shown["index"])]["uuid"]
            answer = request(f"{reader.url}/blobs/{blob}/data", **reader.headers)
            assert sha256(answer.ok()) == digest, name
        listed = {artifact["source_url"].rsplit("/", 1)[1] for artifact in reader.ask("GET", "/artifacts")}
        assert {name for name, _, _ in done} <= listed

        def is_swept():
            uploads = embedded.client.list_multipart_uploads(Bucket=embedded.bucket).get("Uploads", [])
            left = keys_below(embedded, ".casgate/uploads/")
            objects = {key.rsplit("/", 1)[1] for key in keys_below(embedded, "demo/blobs/")}
            return not uploads and not left and objects == blobs

        eventually(is_swept, seconds=120, what="nothing but artifacts in the bucket")
        measured(f"{UPLOADS} uploads, {fleet.deaths} replicas killed, {reruns} reruns, {seconds:.0f} s")
    finally:
        fleet.stop()
