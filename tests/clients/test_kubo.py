"""CIDs with the clients people have: kubo-rpc-client and @4thtech-sdk/storage, from npm."""

import hashlib
import json

import pytest
from caches import issuers, pull_request, token
from contents import digest, written
from kubo import CHUNK, MISSING, SETTINGS, Kubo, arg, canonical, cids_of, imported, kubo_routes
from s3 import Storage, route
from scripts import attempt, node
from web import bearer, request

SIZES = [0, 1, CHUNK, CHUNK + 1, 3_000_000]
# Somewhere in that many bytes, two blocks meet.
PARTS = [(0, 1), (CHUNK - 1, 2), (1_000_000, 1_500_000), (2_999_999, 100), (3_000_000, 5), (0, 0)]
TENANT = "acme"


@pytest.fixture(scope="module")
def url(embedded, serve, tmp_path_factory):
    known = issuers(tmp_path_factory.mktemp("keys"))
    rules = {"issuers": ["github"], "tenant": "claims.repository_owner", "read": "true"}
    shared = route("/download/", "stream", "{tenant}/sha256:{hex}", {"jwt": rules})
    return serve(embedded, [*kubo_routes(), shared], issuers=known).url


@pytest.fixture(params=["/", "/file/", "/digests/"])
def mount(request, url):
    """Every way to store what is added."""
    return Kubo(url + request.param)


@pytest.fixture
def blocks(url):
    return Kubo(url)


def pollinationx(url, token, *steps):
    """Steps of @4thtech-sdk/storage, which asks `api/v1` of the mount."""
    return node("pollinationx", list(steps), url=f"{url}/api/v1", token=token)


@pytest.mark.parametrize("path", [path for path in SETTINGS if SETTINGS[path].get("body") == "tar"])
def test_pollinationx_gets_what_it_uploaded(url, folder, path):
    mount, files = url + path.rstrip("/"), [written(folder, size) for size in SIZES]
    uploads = [{"call": "upload", "file": str(file)} for file in files]
    addresses = pollinationx(mount, token(), *uploads)
    assert addresses == [f"https://gateway.btfs.io/btfs/{cid}" for cid in cids_of(files)]
    downloads = [
        {"call": "download", "address": address, "to": f"{file}.got"}
        for file, address in zip(files, addresses, strict=True)
    ]
    assert pollinationx(mount, token(), *downloads) == [{"size": size} for size in SIZES]
    for file, download in zip(files, downloads, strict=True):
        assert digest(download["to"]) == digest(file)


def test_pollinationx_stores_a_file_by_its_path(url, folder):
    """Then its name is part of the form; and the SDK compares the hash of what it retrieves."""
    file = written(folder, 700_000)
    (stored,) = pollinationx(f"{url}/tar", token(), {"call": "store", "file": str(file)})
    assert stored["checksum"] == digest(file)
    # Whoever may only read gets it too.
    step = {"call": "retrieve", "stored": stored, "to": str(folder / "got")}
    assert pollinationx(f"{url}/tar", pull_request(7), step) == [{"size": 700_000}]
    assert (folder / "got").read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    "who, cid, status",
    [("nobody", MISSING, 401), (None, MISSING, 404), (None, "bafkrei", 400)],
    ids=["unknown", "missing", "no-cid"],
)
def test_pollinationx_reports_a_refusal(url, folder, who, cid, status):
    step = {"call": "download", "address": f"https://gateway.btfs.io/btfs/{cid}", "to": str(folder / "x")}
    more = {"url": f"{url}/tar/api/v1", "token": who or token()}
    ((kind, error),) = attempt("pollinationx", [step], **more)[0].items()
    assert (kind, error["status"]) == ("error", status)


def test_who_may_only_read_adds_nothing(url, folder, embedded):
    file = written(folder, 1000, seed="nobody stores this")
    before = embedded.keys(f"{TENANT}/")
    step = {"call": "upload", "file": str(file)}
    more = {"url": f"{url}/tar/api/v1", "token": pull_request(7)}
    assert attempt("pollinationx", [step], **more)[0]["error"]["status"] == 403
    (error,) = Kubo(url, pull_request(7)).errors({"call": "add", "file": str(file)})
    assert error["status"] == 403
    assert embedded.keys(f"{TENANT}/") == before


@pytest.mark.parametrize("version", [0, 1])
def test_kubo_rpc_client_gets_what_it_added(mount, folder, version):
    files = [written(folder, size) for size in SIZES]
    cids = mount.add_each(files, cidVersion=version)
    for call in ("cat", "get"):
        for prefix in ("", "/ipfs/", "/btfs/"):
            steps = [{"call": call, "arg": prefix + cid} for cid in cids]
            expected = [{"size": file.stat().st_size, "sha256": digest(file)} for file in files]
            assert mount.rpc(*steps) == expected, (call, prefix)


def test_parts_of_a_file(mount, folder):
    file = written(folder, 3_000_000)
    cid, content = mount.add(file, cidVersion=1), file.read_bytes()
    steps = [
        {"call": "cat", "arg": cid, "options": {"offset": offset, "length": length}}
        for offset, length in PARTS
    ]
    steps.append({"call": "cat", "arg": cid, "options": {"offset": 2_500_000}})
    expected = [content[offset : offset + length] for offset, length in PARTS] + [content[2_500_000:]]
    for step, got, part in zip(steps, mount.rpc(*steps), expected, strict=True):
        assert got == {"size": len(part), "sha256": hashlib.sha256(part).hexdigest()}, step


def test_a_part_that_cannot_be(mount, folder):
    cid = mount.add(written(folder, 1000))
    for options in ({"offset": -1}, {"length": -1}):
        (error,) = mount.errors({"call": "cat", "arg": cid, "options": options})
        assert error["status"] in (400, 500)
        assert error["message"]


@pytest.mark.parametrize("version", [0, 1])
def test_blocks_of_a_file(blocks, folder, version):
    """Each is there, under the name and with the bytes that another program gives it."""
    file = written(folder, 1_000_000)
    (folder / "blocks").mkdir()
    imported([("file", file)], version=version, blocks=str(folder / "blocks"))
    blocks.add(file, cidVersion=version)
    expected = {block.name: block for block in (folder / "blocks").iterdir()}
    assert len(expected) == 5
    for call in ("blockGet", "blockStat"):
        steps = [{"call": call, "arg": cid} for cid in expected]
        for (cid, block), got in zip(expected.items(), blocks.rpc(*steps), strict=True):
            assert got["size"] == block.stat().st_size
            assert got.get("sha256", digest(block)) == digest(block)
            assert got.get("cid", cid) == cid


def test_a_spelling_is_no_other_object(blocks, folder, embedded):
    """The two versions of one CID, in several bases, are one file."""
    file = written(folder, 200_000)
    v0 = blocks.add(file)
    before, v1 = embedded.keys(f"{TENANT}/blocks/"), canonical(v0)
    assert v0.startswith("Qm") and v1.startswith("bafybei")
    # The names of more than one block would be others, since those above spell those below.
    assert blocks.add(file, cidVersion=1, rawLeaves=False) == v1
    assert embedded.keys(f"{TENANT}/blocks/") == before
    for cid in (v0, v1, v1.upper()):
        got = blocks.rpc({"call": "cat", "arg": cid}, {"call": "blockStat", "arg": cid})
        assert got[0]["sha256"] == digest(file)


def test_only_the_hash_is_asked_for(blocks, folder, embedded):
    file = written(folder, 500_000, seed="only hash")
    before = embedded.keys(f"{TENANT}/")
    cid = blocks.add(file, onlyHash=True)
    assert [cid] == cids_of([file])
    assert embedded.keys(f"{TENANT}/") == before
    (error,) = blocks.errors({"call": "cat", "arg": cid})
    assert error["status"] == 404


@pytest.mark.parametrize("call", ["cat", "get", "blockGet", "blockStat"])
def test_what_is_missing_is_said_to_be(url, call):
    step = {"call": call, "arg": MISSING}
    for mount, status in (("/", 404), ("/tar/", 404), ("/file/", 404), ("/legacy/", 500)):
        (error,) = Kubo(url + mount).errors(step)
        assert (error["name"], error["status"]) == ("HTTPError", status), mount
        assert error["message"]


def test_who_is_unknown_gets_an_empty_answer(url, folder):
    nobody = Kubo(url, "not-a-token")
    file = str(written(folder, 10))
    for error in nobody.errors({"call": "cat", "arg": MISSING}, {"call": "add", "file": file}):
        assert (error["status"], error["message"]) == (401, "")


def test_an_error_has_the_members_that_clients_read(blocks):
    answer = blocks.post(f"get?{arg(MISSING)}")
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (404, "application/json")
    members = json.loads(answer.body)
    assert members["error"] and members["Message"] and members["Type"] == "error"
    assert isinstance(members["Code"], int)


def test_a_client_asks_who_the_server_is(blocks):
    version, me = blocks.rpc({"call": "version"}, {"call": "id"})
    assert version["version"]
    assert me["id"]


def test_other_methods_are_refused(blocks, url):
    """As Kubo does: what a link on a page could do, a page could make a browser do."""
    for method in ("GET", "HEAD", "PUT"):
        answer = request(f"{url}/api/v0/cat?{arg(MISSING)}", method, **bearer(blocks.token))
        assert answer.status == 405
        assert "POST" in answer.headers["allow"]


def test_pages_of_others_are_refused(blocks):
    for header in ({"origin": "https://evil.example"}, {"referer": "https://evil.example/page"}):
        assert blocks.post("version", **header).status == 403, header
    assert blocks.post("version", user_agent="Mozilla/5.0").status == 403
    assert blocks.post("version", user_agent="curl/8").status == 200


# Folders.


@pytest.fixture
def tree(folder):
    """A folder with folders."""
    files = {"a": b"a", "sub/b": b"bb" * CHUNK, "sub/deep/ü c.txt": "ümläut".encode(), "z": b""}
    for name, content in files.items():
        file = folder / "tree" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder / "tree"


def files_in(tree):
    return {str(file.relative_to(tree)): file for file in sorted(tree.rglob("*")) if file.is_file()}


@pytest.mark.parametrize("path", ["/", "/file/"])
def test_a_folder_is_what_another_program_makes_of_it(url, tree, path):
    mount, files = Kubo(url + path), files_in(tree)
    candidates = [{"path": f"tree/{name}", "file": str(file)} for name, file in files.items()]
    (added,) = mount.rpc({"call": "addAll", "files": candidates})
    expected = imported([(f"tree/{name}", file) for name, file in files.items()])
    assert {one["path"]: one["cid"] for one in added} == {one["path"]: one["cid"] for one in expected}
    # The folder comes after all that is in it.
    assert added[-1]["path"] == "tree"
    root = added[-1]["cid"]
    steps = [{"call": "cat", "arg": f"/ipfs/{root}/{name}"} for name in files]
    for (name, file), got in zip(files.items(), mount.rpc(*steps), strict=True):
        assert got["sha256"] == digest(file), name
    for path, status in (("nothing", 404), ("sub", 400), ("a/b", 404)):
        (error,) = mount.errors({"call": "cat", "arg": f"/ipfs/{root}/{path}"})
        assert error["status"] in (status, 400), (path, error)


def test_a_folder_on_disk(blocks, tree):
    step = {"call": "addFolder", "folder": str(tree), "options": {"wrapWithDirectory": True}}
    (added,) = blocks.rpc(step)
    expected = imported([(name, file) for name, file in files_in(tree).items()], wrap=True)
    assert added[-1]["path"] == ""
    assert added[-1]["cid"] == expected[-1]["cid"]


@pytest.mark.parametrize("version", [0, 1])
def test_one_file_in_a_folder(blocks, folder, version):
    file = written(folder, 300_000)
    options = {"wrapWithDirectory": True, "cidVersion": version}
    step = {"call": "add", "file": str(file), "path": "dir ü/a file.bin", "options": options}
    (added,) = blocks.rpc(step)
    expected = imported([("dir ü/a file.bin", file)], version=version, wrap=True)
    assert added["cid"] == expected[-1]["cid"]
    got = blocks.rpc({"call": "cat", "arg": f"/ipfs/{added['cid']}/dir ü/a file.bin"})
    assert got[0]["sha256"] == digest(file)


# One content, one object.


def test_a_cid_and_a_digest_are_one_object(url, folder, embedded):
    """What is added here, a client of Chainloop downloads, and the other way round."""
    mount, file = Kubo(f"{url}/digests"), written(folder, 200_000, seed="one object")
    cid = mount.add(file, cidVersion=1)
    name = f"sha256:{digest(file)}"
    assert embedded.keys(f"{TENANT}/{name}") == [f"{TENANT}/{name}"]
    assert not [key for key in embedded.keys(f"{TENANT}/") if cid in key]
    assert request(f"{url}/download/{name}", **bearer(token())).ok() == file.read_bytes()
    embedded.client.delete_object(Bucket=embedded.bucket, Key=f"{TENANT}/{name}")
    (error,) = mount.errors({"call": "get", "arg": cid})
    assert error["status"] == 404
    embedded.put(f"{TENANT}/{name}", file.read_bytes())
    (got,) = mount.rpc({"call": "get", "arg": cid})
    assert got["sha256"] == digest(file)
    # Any content has such a CID, of whatever size, and whoever stored it.
    large = written(folder, 5_000_000, seed="an artifact")
    embedded.put(f"{TENANT}/sha256:{digest(large)}", large.read_bytes())
    (got,) = mount.rpc({"call": "get", "arg": f"f01551220{digest(large)}"})
    assert got["sha256"] == digest(large)


# The demo.


def test_the_demo_serves_cids(dev, folder):
    facts, file = dev.ready["kubo"], written(folder, 1_000_000)
    storage = Storage(name="embedded", **dev.ready["s3"])
    kubo = Kubo(facts["url"], facts["jwt"])
    cid = kubo.add(file, cidVersion=1)
    assert kubo.rpc({"call": "get", "arg": cid})[0]["sha256"] == digest(file)
    (address,) = pollinationx(facts["tar_url"], facts["jwt"], {"call": "upload", "file": str(file)})
    step = {"call": "download", "address": address, "to": str(folder / "got")}
    pollinationx(facts["tar_url"], facts["jwt"], step)
    assert (folder / "got").read_bytes() == file.read_bytes()
    # The sample is there as a CID too.
    sample = "f01551220" + dev.ready["sample"]["digest"].removeprefix("sha256:")
    assert kubo.rpc({"call": "get", "arg": sample})[0]["size"] == dev.ready["sample"]["size"]
    assert storage.bucket
