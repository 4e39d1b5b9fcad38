"""The trustless gateway: @helia/verified-fetch from npm, and curl for what the specification says
(specs.ipfs.tech, "Trustless Gateway")."""

import pytest
from caches import issuers, pull_request
from contents import digest, written
from kubo import CHUNK, MISSING, Kubo, canonical, imported, kubo_route, kubo_routes
from scripts import node
from web import curl, request, sha256

FOREVER = "max-age=29030400, immutable"
RAW = "application/vnd.ipld.raw"
CAR = "application/vnd.ipld.car"


@pytest.fixture(scope="module")
def url(embedded, serve, tmp_path_factory):
    known = issuers(tmp_path_factory.mktemp("keys"))
    public = kubo_route("/open/") | {"auth": "open", "layout": "acme/blocks/{cid}"}
    return serve(embedded, [*kubo_routes(), public], issuers=known).url


@pytest.fixture
def mount(url):
    return Kubo(url)


@pytest.fixture
def reader(url):
    """Somebody who may only read."""
    return Kubo(url, pull_request(7))


def verified(mount, *steps):
    """Steps of verified-fetch."""
    return node("verified", list(steps), url=mount.url, token=mount.token)


@pytest.mark.parametrize("version", [0, 1])
def test_verified_fetch_gets_whole_files(mount, reader, folder, version):
    files = [written(folder, size) for size in (0, 1, CHUNK + 1, 3_000_000)]
    steps = [{"resource": f"ipfs://{cid}"} for cid in mount.add_each(files, cidVersion=version)]
    for file, got in zip(files, verified(reader, *steps), strict=True):
        assert (got["status"], got["sha256"]) == (200, digest(file))


def test_verified_fetch_gets_a_part_and_a_path(mount, reader, folder):
    file = written(folder, 2_000_000)
    step = {"call": "addAll", "files": [{"path": "dir/sub/file", "file": str(file)}]}
    root = mount.rpc(step)[0][-1]["cid"]
    step = {"resource": f"ipfs://{root}/sub/file"}
    some = {"headers": {"range": "bytes=1000000-1000009"}, "to": str(folder / "x")}
    whole, part = verified(reader, step, step | some)
    assert (whole["status"], whole["sha256"]) == (200, digest(file))
    assert part["status"] == 206
    assert (folder / "x").read_bytes() == file.read_bytes()[1_000_000:1_000_010]


def test_verified_fetch_is_told_what_is_missing(reader):
    (got,) = verified(reader, {"resource": f"ipfs://{MISSING}"})
    assert got["status"] in (404, 502, 504)


def head(mount, path, *options):
    """The status and the headers that curl sees to a HEAD."""
    url = f"{mount.url}/ipfs/{path}"
    text = curl("--head", "-H", f"Authorization: Bearer {mount.token}", *options, url).decode()
    first, *lines = text.split("\r\n")
    fields = [line.partition(":") for line in lines if line]
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in fields}


def test_a_block_has_the_headers_of_the_specification(mount, reader, folder):
    file = written(folder, 1_000_000)
    for version in (0, 1):
        cid = mount.add(file, cidVersion=version)
        answer = reader.get(f"{cid}?format=raw")
        block = answer.ok()
        assert answer.headers["content-length"] == str(len(block))
        expected = {
            "content-type": RAW,
            # What takes a token is not for caches that others use.
            "cache-control": f"private, {FOREVER}",
            "x-content-type-options": "nosniff",
        }
        assert expected.items() <= answer.headers.items(), answer.headers
        assert answer.headers["content-disposition"].startswith("attachment")
        names = [f'filename="{name}.bin"' for name in (cid, canonical(cid))]
        assert any(name in answer.headers["content-disposition"] for name in names)
        assert answer.headers["etag"] in (f'"{cid}.raw"', f'"{canonical(cid)}.raw"')
        assert "x-stream-output" not in answer.headers
        # HEAD is the same without the bytes.
        status, headers = head(reader, f"{cid}?format=raw")
        assert status == 200
        for name in (*expected, "etag", "content-length", "content-disposition"):
            assert headers[name] == answer.headers[name], name


def test_a_gateway_that_is_open_lets_everybody_keep_blocks(url, mount, folder):
    cid = mount.add(written(folder, 1000), cidVersion=1)
    answer = request(f"{url}/open/ipfs/{cid}?format=raw")
    assert digest(written(folder, 1000)) == sha256(answer.ok()).partition(":")[2]
    assert answer.headers["cache-control"] == f"public, {FOREVER}"


def test_a_client_that_has_the_block_gets_nothing(mount, reader, folder):
    cid = mount.add(written(folder, 1_000_000), cidVersion=1)
    tag = reader.get(f"{cid}?format=raw").headers["etag"]
    for value in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        answer = reader.get(f"{cid}?format=raw", if_none_match=value)
        assert (answer.status, answer.body) == (304, b""), value
        assert answer.headers["etag"] == tag
    assert reader.get(f"{cid}?format=raw", if_none_match='"other"').status == 200
    # Of a block that is nowhere, nobody has a copy that the gateway could vouch for.
    status, _ = head(reader, f"{MISSING}?format=raw")
    assert status == 404


def test_the_probe_is_answered(mount):
    """An empty block, which is in its CID. It needs no storage."""
    for method in ("GET", "HEAD"):
        answer = mount.get("bafkqaaa?format=raw", method)
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["content-length"] == "0"
        assert answer.headers["content-type"] == RAW
    assert mount.get("bafkqaaa", accept=RAW).status == 200
    inline = mount.get("bafkqac3imvwgy3zao5xxe3de?format=raw")
    assert inline.ok() == b"hello world"


def test_the_format_is_chosen_by_the_query_or_by_accept(mount, reader, folder):
    cid = mount.add(written(folder, 1_000_000), cidVersion=1)
    block = reader.get(f"{cid}?format=raw").ok()
    answer = reader.get(cid, accept=RAW)
    assert answer.ok() == block
    assert answer.headers["content-location"] == f"/ipfs/{cid}?format=raw"
    # The query wins.
    assert reader.get(f"{cid}?format=raw", accept=CAR).ok() == block
    assert reader.get(f"{cid}?format=car", accept=RAW).headers["content-type"].startswith(CAR)
    # What is not one of these formats would have to be trusted.
    for path, header in ((cid, {}), (cid, {"accept": "text/html"}), (f"{cid}?format=tar", {})):
        assert reader.get(path, **header).status in (400, 406), (path, header)


def test_a_block_has_no_paths(mount, reader, folder):
    cid = mount.add(written(folder, 1000), cidVersion=1)
    assert reader.get(f"{cid}/a?format=raw").status == 400


def test_what_is_wrong_is_refused(url, mount, reader):
    for path in ("x", "bafkrei", f"{MISSING}a", "Qm", "bafkreiaaaa%00"):
        assert reader.get(f"{path}?format=raw").status == 400, path
    assert reader.get(f"{MISSING}?format=raw").status == 404
    nobody = Kubo(url, "not-a-token")
    assert nobody.get(f"{MISSING}?format=raw").status == 401
    assert request(f"{url}/ipfs/{MISSING}?format=raw").status == 401
    assert mount.get(f"{MISSING}?format=raw", "POST").status == 405
    answer = mount.get(f"{MISSING}?format=raw", cache_control="only-if-cached")
    assert answer.status in (404, 412)
    assert mount.get(f"{MISSING}?format=raw", service_worker="script").status == 400


def test_blocks_are_byte_for_byte_those_of_another_program(mount, reader, folder):
    file = written(folder, 1_000_000)
    (folder / "blocks").mkdir()
    for version in (0, 1):
        imported([("file", file)], version=version, blocks=str(folder / "blocks"))
        mount.add(file, cidVersion=version)
    assert len(list((folder / "blocks").iterdir())) == 10
    for block in (folder / "blocks").iterdir():
        assert reader.get(f"{block.name}?format=raw").ok() == block.read_bytes()


def varint(data, position):
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, position


def sections(car):
    """The sections of a CARv1 file, each a length and so many bytes."""
    position = 0
    while position < len(car):
        length, position = varint(car, position)
        assert position + length <= len(car)
        yield car[position : position + length]
        position += length


def test_a_whole_graph_in_one_archive(mount, reader, folder):
    """CARv1: a header, then each block once or more, the root first, after its CID."""
    file = written(folder, 1_000_000)
    cid = mount.add(file, cidVersion=1)
    answer = reader.get(f"{cid}?format=car")
    assert answer.headers["content-type"].startswith(CAR)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert f'filename="{cid}.car"' in answer.headers["content-disposition"]
    header, *blocks = sections(answer.ok())
    assert b"roots" in header and b"version" in header
    (folder / "blocks").mkdir()
    imported([("file", file)], version=1, blocks=str(folder / "blocks"))
    # A CIDv1 with a SHA-256 has 36 bytes.
    bodies = [section[36:] for section in blocks]
    assert bodies[0] == reader.get(f"{cid}?format=raw").ok()
    assert sorted(bodies) == sorted(block.read_bytes() for block in (folder / "blocks").iterdir())
    status, _ = head(reader, f"{cid}?format=car")
    assert status == 200
