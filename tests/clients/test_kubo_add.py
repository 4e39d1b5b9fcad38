"""CIDs of what is added: as ipfs-unixfs-importer, a program by others, makes them."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from caches import issuers, token
from contents import written
from kubo import CHUNK, Kubo, imported, kubo_routes
from scripts import node
from web import bearer, request

SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 50_000_000]
# A file of these two is one with 174 blocks, as many as one node has links, and one with 175.
SIZES += [174 * CHUNK, 174 * CHUNK + 1]
RANDOM = [random.Random(seed).randrange(4_000_000) for seed in range(12)]
# As Kubo prints them: the empty file, and the text of its own tutorial.
KNOWN = {
    (b"", 0): "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH",
    (b"", 1): "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
    (b"hello world\n", 0): "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o",
    (b"hello world\n", 1): "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4",
    (300_000 * b"a", 0): "QmYCTciJdFNMNUPCHSNS6dKMmUAqkGQ9tQQeGgbELhQQcn",
    (300_000 * b"a", 1): "bafybeicnrogxohr6rp6rlbv6s4q5gkpx5cmlm3oxqr3a7sfghbnz6sdyvq",
    (50_000_000 * b"a", 0): "QmeZmXcu9VWrBdy2KV5j5aWGCfjp7wZbSQ77KvCz3rkN93",
    (50_000_000 * b"a", 1): "bafybeieetlzdaqcib5phcqrymca2a4yc4pj7wpnkvvny6ogc6r56jmqd7q",
}


@pytest.fixture(scope="module")
def url(embedded, serve, tmp_path_factory):
    known = issuers(tmp_path_factory.mktemp("keys"))
    return serve(embedded, kubo_routes(), issuers=known).url


@pytest.fixture(params=["/", "/file/"])
def mount(request, url):
    return Kubo(url + request.param)


def expected(files, **options):
    """The CIDs that importing each of the files by itself gives."""
    steps = [{"files": [{"path": "file", "file": str(file)}], **options} for file in files]
    return [(one["cid"], one["size"]) for (one,) in node("importer", steps)]


def added(mount, files, **options):
    """The CIDs that the gateway gives, and the sizes it says."""
    steps = [{"call": "add", "file": str(file), "options": options} for file in files]
    return [(one["cid"], one["size"]) for one in mount.rpc(*steps)]


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("sizes", [SIZES, RANDOM], ids=["edges", "random"])
def test_cids_are_those_of_another_program(mount, folder, version, sizes):
    files = [written(folder, size) for size in sizes]
    assert added(mount, files, cidVersion=version) == expected(files, version=version)


@pytest.mark.parametrize("version, raw", [(0, True), (1, False)])
def test_leaves_are_as_asked(mount, folder, version, raw):
    files = [written(folder, size) for size in (0, 1, CHUNK, CHUNK + 1, 1_000_000)]
    got = added(mount, files, cidVersion=version, rawLeaves=raw)
    assert got == expected(files, version=version, rawLeaves=raw)


@pytest.mark.parametrize("chunk", [1000, 262_143, 1_048_576])
@pytest.mark.parametrize("version", [0, 1])
def test_chunks_are_as_asked(mount, folder, chunk, version):
    files = [written(folder, size) for size in (0, 999, 1000, 1001, 174_001, 2_500_000)]
    got = added(mount, files, cidVersion=version, chunker=f"size-{chunk}")
    assert got == expected(files, version=version, chunk=chunk)


def test_known_cids(mount, folder):
    for version in (0, 1):
        cids = {content: cid for (content, number), cid in KNOWN.items() if number == version}
        files = [folder / str(number) for number in range(len(cids))]
        for file, content in zip(files, cids, strict=True):
            file.write_bytes(content)
        assert mount.add_each(files, cidVersion=version) == list(cids.values())


@pytest.mark.parametrize(
    "options", [{"chunker": "rabin"}, {"trickle": True}, {"hash": "blake2b-256"}, {"nocopy": True}],
    ids=lambda options: next(iter(options)),
)
def test_what_cannot_be_done_is_refused(mount, folder, options):
    """Rather than answered with another CID than Kubo's."""
    step = {"call": "add", "file": str(written(folder, 1000)), "options": options}
    (error,) = mount.errors(step)
    assert 400 <= error["status"] <= 501
    assert error["message"]


def test_many_at_once_get_their_own(url, folder):
    mount = Kubo(url)
    files = [written(folder, 400_000 + number) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        cids = list(pool.map(lambda file: added(mount, [file])[0], files))
    assert cids == expected(files)


def test_several_files_in_one_form(mount, folder):
    files = [written(folder, size) for size in (0, 1, CHUNK + 1, 700_000)]
    steps = [{"path": f"{number}.bin", "file": str(file)} for number, file in enumerate(files)]
    (got,) = mount.rpc({"call": "addAll", "files": steps})
    assert [(one["cid"], one["size"]) for one in got] == expected(files)
    assert [one["path"] for one in got] == [step["path"] for step in steps]
    whole = imported([(step["path"], step["file"]) for step in steps], wrap=True)[-1]
    (got,) = mount.rpc({"call": "addAll", "files": steps, "options": {"wrapWithDirectory": True}})
    assert (got[-1]["cid"], got[-1]["size"]) == (whole["cid"], whole["size"])


# Forms as no client sends them.

PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nhello world\r\n'


@pytest.mark.parametrize(
    "body",
    [b"", b"--b--\r\n", PART, PART + b"--b", b"no form", PART.replace(b"\r\n\r\n", b"\r\n") + b"--b--\r\n"],
    ids=["empty", "no-part", "cut", "half-a-line", "no-form", "no-end-of-head"],
)
def test_a_form_that_is_none_adds_nothing(mount, body):
    """A form without its last line is one that broke off."""
    headers = {"content_type": "multipart/form-data; boundary=b", **bearer(token())}
    answer = request(f"{mount.url}/api/v0/add", "POST", body, **headers)
    assert b"Hash" not in answer.body
    assert answer.status in (400, 500) or body == b"--b--\r\n"


def test_a_form_with_all_that_forms_may_have(mount):
    """Text before the first line, blanks after it, quotes around the boundary, text at the end."""
    body = b"ignored\r\n" + PART.replace(b"--b\r\n", b"--b  \r\n") + b"--b--\r\nignored too"
    headers = {"content_type": 'multipart/form-data; charset=x; boundary="b"', **bearer(token())}
    answer = request(f"{mount.url}/api/v0/add", "POST", body, **headers)
    assert b"Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD" in answer.ok()
