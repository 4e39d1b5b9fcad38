"""Artifacts with the real client of Shaken Fist: its command line, and its library."""

import hashlib
import json
import os
import re

import pytest
from shakenfist import (
    CHUNK_MAX,
    FIRST_CHUNK,
    MIB,
    NAMESPACES,
    PATH,
    Front,
    ShakenFist,
    digest,
    started,
    written,
)
from shakenfist_client.apiclient import RequestMalformedException, ResourceNotFoundException
from web import bearer, request

FULL = os.environ.get("CASGATE_TESTS_FULL")
EDGES = [size + more for size in (5 * MIB, 8 * MIB) for more in (-1, 0, 1)]
SIZES = [0, 1, FIRST_CHUNK, *EDGES, 200 * MIB, *([3 * 1024 * MIB] if FULL else [])]
CHUNKS = r"^POST \S*/upload/[0-9a-f-]+$"
# All that the client looks for in the page about what a server can do.
WORDS = {
    "artifact-metadata", "artifact-upload-types", "blob-data-limit", "blob-events", "blob-metadata",
    "blob-search-by-hash", "blob-single-checksum", "events-by-type",
}
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def gateway(embedded, serve, tmp_path_factory):
    return started(serve, embedded, tmp_path_factory.mktemp("shakenfist"))


@pytest.fixture(scope="module")
def front(gateway):
    front = Front(gateway.url)
    yield front
    front.stop()


@pytest.fixture
def mount(front):
    """The URL that clients are told; what they asked is counted anew."""
    front.clear()
    return front.url + PATH


@pytest.fixture
def demo(mount):
    return ShakenFist(mount)


@pytest.fixture
def name(request):
    """A name that no other test uses."""
    return re.sub(r"\W+", "-", request.node.name)


@pytest.mark.parametrize("size", SIZES)
def test_what_is_uploaded_is_listed_downloaded_and_deleted(demo, front, folder, name, size):
    file, seconds = written(folder, size), 300 + size // MIB
    assert demo.upload(name, file, seconds=seconds)[1]
    sent = front.like(CHUNKS)
    assert sum(chunk.size for chunk in sent) == size
    assert {chunk.status for chunk in sent} <= {200}
    assert max((chunk.size for chunk in sent), default=0) <= CHUNK_MAX
    shown = demo.show(name)
    artifact, blob = shown["uuid"], shown["blob_uuid"]
    expected = {
        "namespace": "demo", "artifact_type": "image", "state": "created", "shared": False,
        "source_url": f"sf://upload/demo/{name}", "index": 1, "max_versions": 3, "metadata": {},
    }
    assert {key: shown[key] for key in expected} == expected
    assert (list(shown["blobs"]), shown["blobs"]["1"]["size"]) == (["1"], size)
    assert demo.list()[artifact]["blob_uuid"] == blob
    (version,) = demo.versions(artifact).values()
    assert (version["uuid"], version["size"], version["sha512"]) == (blob, size, digest(file))
    assert demo.download(name, folder / "got", seconds) == digest(file)

    # The same bytes again are known, and not sent.
    front.clear()
    twin, sent = demo.upload(f"{name}-again", file, seconds=seconds)
    assert (twin != artifact, sent) == (True, False)
    assert not front.like(r"^POST \S*/upload(/[0-9a-f-]+)?$")
    assert json.loads(demo.blob("sha512", digest(file)).ok())["uuid"] == demo.show(twin)["blob_uuid"]

    # What one artifact lets go of is kept for the other.
    assert json.loads(demo.artifact("delete", artifact).ok())["state"] == "deleted"
    assert artifact not in demo.list()
    demo.artifact("show", name).failed("Resource not found: artifact not found")
    assert demo.download(twin, folder / "got", seconds) == digest(file)
    demo.artifact("delete", f"{name}-again").ok()
    assert not {artifact, twin} & set(demo.list())
    assert json.loads(demo.blob("sha512", digest(file)).ok()) is None


def test_the_tables_for_people_have_all_they_show(demo, folder, name):
    file = written(folder, 5000, name)
    artifact, _ = demo.upload(name, file)
    blob = demo.show(artifact)["blob_uuid"]
    for output in ("pretty", "simple"):
        listed = demo.artifact("list", output=output).ok()
        (line,) = [line for line in listed.splitlines() if artifact in line]
        expected = ("demo", "image", f"sf://upload/demo/{name}", "1 of 1", "created")
        assert all(word in line for word in expected)
        shown = demo.artifact("show", name, output=output).ok()
        assert all(word in shown for word in (artifact, "created", f"sf://upload/demo/{name}"))
        shown = demo.blob("show", blob, output=output).ok()
        assert all(word in shown for word in (blob, "created", "5000", digest(file)))
        assert blob in demo.blob("sha512", digest(file), output=output).ok()
        assert blob in demo.blob("list", output=output).ok()
        assert demo.artifact("events", artifact, output=output).ok()


def test_the_page_names_what_works(demo, folder, name):
    artifact, _ = demo.upload(name, written(folder, 10, name))
    library = demo.library
    words = {word for word in WORDS if library.check_capability(word)}
    assert {"blob-search-by-hash", "blob-data-limit"} <= words
    blob = library.get_artifact(artifact)["blob_uuid"]
    trials = {
        "artifact-metadata": lambda: library.get_artifact_metadata(artifact) == {},
        "blob-metadata": lambda: library.get_blob_metadata(blob) == {},
        "events-by-type": lambda: isinstance(library.get_artifact_events(artifact, limit=5), list),
        "blob-events": lambda: isinstance(library.get_blob_events(blob), list),
        "blob-single-checksum": lambda: library.get_blob_hash(blob, "sha512"),
    }
    assert all(trial() for word, trial in trials.items() if word in words)


def test_the_same_bytes_are_no_new_version(demo, folder, name):
    file = written(folder, 10_000, name)
    first, _ = demo.upload(name, file)
    assert demo.upload(name, file) == (first, False)
    assert list(demo.versions(first)) == [1]
    # Sent again, because the client did not ask, they may be one.
    assert demo.upload(name, file, "--no-checksum") == (first, True)
    assert {blob["sha512"] for blob in demo.versions(first).values()} == {digest(file)}
    assert demo.download(first, folder / "got") == digest(file)


def test_versions_beyond_the_most_are_removed_oldest_first(demo, folder, name):
    def upload(seed):
        return demo.upload(name, written(folder, 9000, f"{name} {seed}"))[0]

    artifact, contents = upload(1), {}
    for seed in range(2, 5):
        assert upload(seed) == artifact
    contents = {index: blob["uuid"] for index, blob in demo.versions(name).items()}
    assert list(contents) == [2, 3, 4]
    shown = demo.show(artifact)
    assert (shown["index"], shown["blob_uuid"], shown["max_versions"]) == (4, contents[4], 3)
    demo.artifact("max-versions", artifact, 1).ok()
    assert list(demo.versions(artifact)) == [4]
    # A version that is gone has no bytes any more.
    demo.blob("show", contents[3]).failed("Resource not found")
    demo.artifact("max-versions", artifact, 2).ok()
    upload(5)
    assert list(demo.versions(artifact)) == [4, 5]
    assert demo.download(artifact, folder / "got") == digest(written(folder, 9000, f"{name} 5"))


def test_versions_are_deleted_one_by_one(demo, folder, name):
    for seed in range(2):
        artifact, _ = demo.upload(name, written(folder, 100, f"{name} {seed}"))
    demo.artifact("delete-version", artifact, 7).failed("Resource not found")
    demo.artifact("delete-version", artifact, 2).ok()
    assert demo.show(name)["index"] == 1
    assert demo.download(name, folder / "got") == digest(written(folder, 100, f"{name} 0"))
    # No number is given twice.
    demo.upload(name, written(folder, 100, f"{name} 2"))
    assert list(demo.versions(name)) == [1, 3]
    demo.artifact("delete-version", artifact, 1).ok()
    demo.artifact("delete-version", artifact, 3).ok()
    # Without versions it stays, and goes on where it was.
    shown = demo.show(name)
    assert (shown["index"], shown["blobs"], "blob_uuid" in shown) == (0, {}, False)
    (line,) = [line for line in demo.artifact("list", output="simple").ok().splitlines() if artifact in line]
    assert ",0 of 0," in line
    demo.upload(name, written(folder, 100, f"{name} 3"))
    assert list(demo.versions(name)) == [4]


@pytest.mark.parametrize("awkward", ["with spaces", "ümläut 名前", "a+b=c&d;e", "100%", "%41", "upload"])
def test_names_are_what_they_are(demo, folder, awkward):
    file = written(folder, 50, awkward)
    artifact, _ = demo.upload(awkward, file)
    known = demo.show(awkward)
    # The client takes care of all but what looks escaped already.
    called = "A" if awkward == "%41" else awkward
    assert (known["uuid"], known["source_url"]) == (artifact, f"sf://upload/demo/{called}")
    assert demo.download(awkward, folder / "got") == digest(file)
    demo.artifact("delete", awkward).ok()


def test_a_source_is_told_as_it_was_given(demo, folder, name):
    source = "https://images.test/a?b=c#ü"
    artifact, _ = demo.upload(name, written(folder, 60, name), "--source_url", source)
    assert demo.show(name)["source_url"] == demo.list()[artifact]["source_url"] == source


def test_artifacts_of_one_name_and_two_types_are_told_apart(demo, name):
    library, made = demo.library, []
    for kind in ("image", "other"):
        upload = library.create_upload()["uuid"]
        library.send_upload(upload, kind.encode())
        order = {"upload_uuid": upload, "artifact_type": kind}
        made.append(library._request_url("POST", f"/artifacts/upload/{name}", data=order).json()["uuid"])
    assert [demo.show(artifact)["artifact_type"] for artifact in made] == ["image", "other"]
    demo.artifact("show", name).failed("Malformed Request: ")
    demo.artifact("delete", made[0]).ok()
    assert demo.show(name)["uuid"] == made[1]
    with pytest.raises(RequestMalformedException):
        order = {"upload_uuid": library.create_upload()["uuid"], "artifact_type": "sculpture"}
        library._request_url("POST", f"/artifacts/upload/{name}", data=order)


def test_namespaces_do_not_see_each_other(demo, mount, folder, name):
    file = written(folder, 7000, name)
    artifact, _ = demo.upload(name, file)
    blob = demo.show(artifact)["blob_uuid"]
    other, library = ShakenFist(mount, "other"), ShakenFist(mount, "other").library
    assert artifact not in other.list()
    for reference in (artifact, name):
        for command in ("show", "versions", "delete", "events"):
            other.artifact(command, reference).failed("Resource not found: artifact not found")
        for command in ("max-versions", "delete-version"):
            other.artifact(command, reference, 1).failed("Resource not found: artifact not found")
        other.artifact("download", reference, folder / "stolen").failed("Resource not found")
        # What is there or is not, to share it they are not permitted.
        for command in ("share", "unshare"):
            other.artifact(command, reference).failed("")
            assert demo.show(artifact)["shared"] is False
    assert blob not in other.blob("list").ok()
    other.blob("show", blob).failed("Resource not found: blob not found")
    with pytest.raises(ResourceNotFoundException):
        list(library.get_blob_data(blob))
    # Neither the hash of somebody's bytes nor the name of their blob gives them.
    assert json.loads(other.blob("sha512", digest(file)).ok()) is None
    with pytest.raises(ResourceNotFoundException):
        library.blob_artifact(f"{name}-stolen", blob)
    upload = demo.library.create_upload()["uuid"]
    for attempt in (lambda: library.send_upload(upload, b"x"), lambda: library.truncate_upload(upload, 0),
                    lambda: library.upload_artifact(name, upload)):
        with pytest.raises(ResourceNotFoundException):
            attempt()
    assert demo.library.send_upload(upload, b"mine") == 4
    # Nor does one write what the other reads.
    theirs = other.artifact("upload", "--namespace", "demo", name, written(folder, 10, "x"))
    theirs.failed("Resource not found: ")
    mine, sent = other.upload(name, file)
    assert (mine != artifact, sent) == (True, True)
    assert other.show(name)["source_url"] == f"sf://upload/other/{name}"
    other.artifact("delete", name).ok()
    assert demo.download(name, folder / "got") == digest(file)


def test_what_others_have_is_not_sent_where_that_may_be_known(embedded, serve, folder, name):
    gateway = started(serve, embedded, folder, catalog="common", isolation="none")
    demo, other = (ShakenFist(gateway.url + PATH, namespace) for namespace in ("demo", "other"))
    file = written(folder, 8000, name)
    artifact, _ = demo.upload(name, file)
    blob = demo.show(artifact)["blob_uuid"]
    assert json.loads(other.blob("sha512", digest(file)).ok())["uuid"] == blob
    mine, sent = other.upload(name, file)
    assert (mine != artifact, sent) == (True, False)
    demo.artifact("delete", artifact).ok()
    assert other.download(mine, folder / "got") == digest(file)
    # Artifacts are everyone's own as ever.
    assert (list(demo.list()), list(other.list())) == ([], [mine])


def test_only_those_with_the_key_come_in(demo, mount, folder, name):
    artifact, _ = demo.upload(name, written(folder, 33, name))
    blob = demo.show(artifact)["blob_uuid"]
    for namespace, key in (("demo", "wrong"), ("demo", NAMESPACES["other"]), ("nobody", "x"), (None, None)):
        client = ShakenFist(mount, namespace, key)
        client.artifact("list").failed("Not authenticated")
    for token in ("", "nonsense", "a.b.c"):
        for path in ("artifacts", f"artifacts/{artifact}", f"blobs/{blob}", f"blobs/{blob}/data"):
            assert request(mount + path, **bearer(token)).status == 401
        assert request(mount + "upload", "POST", b"", **bearer(token)).status == 401


def test_a_token_that_has_ended_is_renewed(demo, front, folder, name):
    library = demo.library
    library.get_artifacts()
    library.cached_auth = "Bearer " + "e30." * 2 + "e30"
    upload = library.create_upload()["uuid"]
    library.cached_auth = "Bearer nonsense"
    assert library.send_upload(upload, b"abc") == 3
    library.cached_auth = None
    assert library.upload_artifact(name, upload)["source_url"] == f"sf://upload/demo/{name}"
    assert len(front.like("^POST .*/auth$")) == 4


def test_sharing_is_for_the_namespace_of_the_system(demo, mount, folder, name):
    mine, file = demo.upload(name, written(folder, 20, name))[0], written(folder, 21, name)
    demo.artifact("share", mine).failed("Not authorized: ")
    demo.artifact("upload", "--shared", f"{name}-x", file).failed("Not authorized: ")
    demo.artifact("show", f"{name}-x").failed("Resource not found")
    system, other = (ShakenFist(mount, namespace) for namespace in ("system", "other"))
    artifact, _ = system.upload(f"{name}-shared", file)
    assert artifact not in demo.list()
    system.artifact("share", artifact).ok()
    for client in (demo, other):
        assert client.list()[artifact]["shared"] is True
        assert client.download(artifact, folder / client.namespace) == digest(file)
        # They see it, and that is all.
        for command in (["delete"], ["unshare"]):
            client.artifact(*command, artifact).failed("Not authorized: ")
        for command in ("max-versions", "delete-version"):
            client.artifact(command, artifact, 1).failed("Not authorized: ")
    system.artifact("unshare", artifact).ok()
    assert artifact not in demo.list()
    demo.artifact("download", artifact, folder / "late").failed("Resource not found")
    born, _ = system.upload(f"{name}-born", file, "--shared")
    assert demo.list()[born]["shared"] is True


def test_the_system_sees_and_changes_what_is_of_others(demo, mount, folder, name):
    system, file = ShakenFist(mount, "system"), written(folder, 22, name)
    artifact, _ = demo.upload(name, file)
    assert system.list()[artifact]["namespace"] == "demo"
    assert system.download(artifact, folder / "got") == digest(file)
    given, _ = system.upload(f"{name}-given", written(folder, 23, name), "--namespace", "demo")
    assert (demo.list()[given]["namespace"], demo.show(f"{name}-given")["uuid"]) == ("demo", given)
    assert demo.download(given, folder / "got") == digest(written(folder, 23, name))
    system.artifact("delete", artifact).ok()
    assert artifact not in demo.list()


def test_an_upload_is_cut_to_any_length(demo, folder, name):
    library, content = demo.library, os.urandom(3_000_000)
    upload = library.create_upload()["uuid"]
    assert library.truncate_upload(upload, 0) is None
    length = 0
    for end in (10, 4096, 4097, 1_000_000, 3_000_000):
        assert library.send_upload(upload, content[length:end]) == end
        length = end
    for length in (2_999_990, 1_000_001, 1_000_000, 77, 0):
        library.truncate_upload(upload, length)
        assert library.send_upload(upload, content[length : length + 5]) == length + 5
        library.truncate_upload(upload, length)
    assert library.send_upload(upload, content) == len(content)
    library.truncate_upload(upload, 2_222_222)
    artifact = library.upload_artifact(name, upload)["uuid"]
    assert demo.download(artifact, folder / "got") == hashlib.sha512(content[:2_222_222]).hexdigest()


def test_the_library_reads_from_anywhere(demo, front, folder, name):
    content = written(folder, 100_000, name).read_bytes()
    blob = demo.library.get_artifact(demo.upload(name, folder / f"100000-{name}")[0])["blob_uuid"]
    for offset in (0, 1, 65_536, 99_999, 100_000):
        assert b"".join(demo.library.get_blob_data(blob, offset=offset)) == content[offset:]
    library = demo.library
    library.get_artifacts()
    token = {"authorization": library.cached_auth}
    for offset, limit in ((0, 1), (10, 1000), (99_999, 5), (100_000, 5), (0, 0), (5, 0), (0, 100_000)):
        answer = request(f"{front.url}{PATH}blobs/{blob}/data?offset={offset}&limit={limit}", **token)
        assert answer.ok() == content[offset : offset + limit if limit else None]
    for algorithm in ("sha1", "sha256", "sha512"):
        path = f"blob_checksums/{algorithm}/{hashlib.new(algorithm, content).hexdigest()}"
        assert json.loads(request(front.url + PATH + path, **token).ok())["uuid"] == blob
    assert request(f"{front.url}{PATH}blob_checksums/md4/{'0' * 32}", **token).status == 400


def test_errors_are_those_that_the_client_knows(demo, folder, name):
    library = demo.library
    upload = library.create_upload()
    assert {"uuid", "node", "created_at"} <= set(upload)
    for reference in (NOBODY, "never-seen"):
        demo.artifact("show", reference).failed("Resource not found: artifact not found")
        demo.artifact("delete", reference).failed("Resource not found: artifact not found")
    demo.blob("show", NOBODY).failed("Resource not found: blob not found")
    for attempt in (lambda: library.send_upload(NOBODY, b"x"), lambda: library.truncate_upload(NOBODY, 0),
                    lambda: library.upload_artifact(name, NOBODY),
                    lambda: library.blob_artifact(name, NOBODY)):
        with pytest.raises(ResourceNotFoundException):
            attempt()
    with pytest.raises(RequestMalformedException):
        library._request_url("POST", f"/artifacts/upload/{name}",
                             data={"upload_uuid": upload["uuid"], "blob_uuid": NOBODY})
    assert name not in {entry["source_url"].rsplit("/")[-1] for entry in demo.list().values()}


def test_a_namespace_is_emptied(mount, folder, name):
    other = ShakenFist(mount, "other")
    made = {other.upload(f"{name}-{number}", written(folder, number, name))[0] for number in (30, 31)}
    assert made <= set(other.library.delete_all_artifacts("other"))
    assert not [entry for entry in other.list().values() if entry["namespace"] == "other"]


def test_the_demo_has_a_namespace(dev, folder):
    ready = dev.ready["shakenfist"]
    client = ShakenFist(ready["url"], ready["namespace"], ready["key"])
    file = written(folder, 12_345)
    assert client.upload("first", file)[1]
    assert client.download("first", folder / "got") == digest(file)
