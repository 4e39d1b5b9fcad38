"""What somebody changed in the bucket: never delivered as if it were whole."""

import http.client
from urllib.parse import urlsplit

import pytest
from caches import issuers
from contents import digest, written
from kubo import CHUNK, Kubo, arg, canonical, kubo_routes
from web import bearer

SIZE = 6 * CHUNK + 1000
TENANT = "acme"


@pytest.fixture(scope="module")
def url(embedded, serve, tmp_path_factory):
    known = issuers(tmp_path_factory.mktemp("keys"))
    return serve(embedded, kubo_routes(), issuers=known).url


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


# Ways to change the content of an object.
CHANGES = {
    "one-bit": flipped,
    "last-byte": lambda content: content[:-1] + bytes([content[-1] ^ 128]),
    "shorter": lambda content: content[:-1],
    "longer": lambda content: content + b"x",
    "empty": lambda content: b"",
    "other": lambda content: bytes(len(content)),
}
every_change = pytest.mark.parametrize("change", CHANGES)


def overwrite(storage, key, change):
    """Changes an object; what is kept beside it stays."""
    found = storage.client.get_object(Bucket=storage.bucket, Key=key)
    changed = CHANGES[change](found["Body"].read())
    storage.put(key, changed, **found["Metadata"])


def delivered(url, path, method, token):
    """What a client takes for the whole body, or None if it was refused, or told that there is more
    than came."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    try:
        connection.request(method, parts.path.rstrip("/") + path, headers=bearer(token))
        answer = connection.getresponse()
        body = answer.read()
        return body if answer.status in (200, 206) else None
    except (http.client.IncompleteRead, ConnectionError):
        return None
    finally:
        connection.close()


def ways(cid):
    """Every way to ask for all of a file."""
    path = arg(cid)
    for prefix in ("get", "cat"):
        yield f"/api/v0/{prefix}?{path}", "POST"
    yield f"/api/v0/get?{path}&archive=true", "POST"
    yield f"/api/v0/get?{path}&compress=true", "POST"
    yield f"/ipfs/{cid}?format=car", "GET"


def all_are_refused(mount, cid):
    for path, method in ways(cid):
        assert delivered(mount.url, path, method, mount.token) is None, path


def changed_keys(storage, mount, prefix, file, **options):
    """The CID that the file gets, and the keys of what was stored for it."""
    before = set(storage.keys(prefix))
    cid = mount.add(file, **options)
    new = [key for key in storage.keys(prefix) if key not in before]
    assert new
    return cid, new


@every_change
@pytest.mark.parametrize("version", [0, 1])
def test_a_changed_block_of_a_file(url, embedded, folder, change, version):
    """Each of its blocks in turn: what was right before it may have come."""
    mount = Kubo(url)
    file = written(folder, SIZE, seed=f"blocks {change} {version}")
    cid, new = changed_keys(embedded, mount, f"{TENANT}/blocks/", file, cidVersion=version)
    assert len(new) == 8
    for key in new:
        found = embedded.client.get_object(Bucket=embedded.bucket, Key=key)
        kept = found["Body"].read()
        overwrite(embedded, key, change)
        all_are_refused(mount, cid)
        name = key.rpartition("/")[2].partition(".")[0]
        assert delivered(mount.url, f"/ipfs/{name}?format=raw", "GET", mount.token) is None
        assert delivered(mount.url, f"/api/v0/block/get?{arg(name)}", "POST", mount.token) is None
        embedded.put(key, kept, **found["Metadata"])
    (got,) = mount.rpc({"call": "get", "arg": cid})
    assert got["sha256"] == digest(file)
    # One that is not there.
    embedded.client.delete_object(Bucket=embedded.bucket, Key=new[-1])
    all_are_refused(mount, cid)


@every_change
@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("size", [1, 1000, CHUNK, SIZE])
def test_a_changed_file(url, embedded, folder, change, version, size):
    """Stored as one object, whose CID is not the hash of its bytes."""
    mount = Kubo(f"{url}/file")
    file = written(folder, size, seed=f"file {change} {version}")
    cid, new = changed_keys(embedded, mount, f"{TENANT}/file/", file, cidVersion=version)
    (key,) = new
    overwrite(embedded, key, change)
    all_are_refused(mount, cid)


@pytest.mark.parametrize("metadata", [{}, {"unixfs": "nonsense"}, {"unixfs": ""}])
def test_a_file_without_what_says_how_it_was_cut(url, embedded, folder, metadata):
    """It may be refused; what comes is right."""
    mount = Kubo(f"{url}/file")
    file = written(folder, SIZE, seed=f"metadata {metadata}")
    cid, (key,) = changed_keys(embedded, mount, f"{TENANT}/file/", file)
    embedded.put(key, flipped(file.read_bytes()), **metadata)
    all_are_refused(mount, cid)
    embedded.put(key, file.read_bytes(), **metadata)
    got = delivered(mount.url, f"/api/v0/get?{arg(cid)}", "POST", mount.token)
    assert got is None or got == file.read_bytes()


@every_change
@pytest.mark.parametrize("size", [1, 1000, CHUNK, SIZE])
def test_a_changed_object_of_a_digest(url, embedded, folder, change, size):
    mount = Kubo(f"{url}/digests")
    content = written(folder, size, seed=f"digest {change}").read_bytes()
    file = folder / "content"
    file.write_bytes(content)
    key = f"{TENANT}/sha256:{digest(file)}"
    embedded.put(key, content)
    cid = f"f01551220{digest(file)}"
    path = f"/api/v0/get?{arg(cid)}"
    assert delivered(mount.url, path, "POST", mount.token) == content
    overwrite(embedded, key, change)
    all_are_refused(mount, cid)


def test_one_cid_in_the_place_of_another(url, embedded, folder):
    """Both are sound, and neither is the other."""
    for path in ("/", "/file/"):
        mount, prefix = Kubo(url + path), f"{TENANT}/{path.strip('/') or 'blocks'}/"
        first, second = (written(folder, SIZE, seed=f"{path} {number}") for number in (1, 2))
        cids = mount.add_each([first, second])
        roots = [next(key for key in embedded.keys(prefix) if canonical(cid) in key) for cid in cids]
        found = embedded.client.get_object(Bucket=embedded.bucket, Key=roots[0])
        embedded.put(roots[1], found["Body"].read(), **found["Metadata"])
        all_are_refused(mount, cids[1])
        assert mount.rpc({"call": "cat", "arg": cids[0]})[0]["sha256"] == digest(first)
