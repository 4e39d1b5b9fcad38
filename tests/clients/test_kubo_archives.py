"""Archives that `get` answers with, read by GNU tar, Python's tarfile and tar-stream."""

import gzip
import io
import subprocess
import tarfile

import pytest
from caches import issuers
from contents import digest, written
from kubo import CHUNK, Kubo, arg, kubo_routes
from scripts import node
from web import curl

# The file's content fills whole records, or does not.
SIZES = [0, 1, 511, 512, 513, CHUNK + 1]
MOUNTS = ["/tar/", "/file/tar/", "/digests/tar/"]


@pytest.fixture(scope="module")
def url(embedded, serve, tmp_path_factory):
    known = issuers(tmp_path_factory.mktemp("keys"))
    return serve(embedded, kubo_routes(), issuers=known).url


@pytest.fixture(params=MOUNTS)
def mount(request, url):
    return Kubo(url + request.param)


def gnu_tar(archive, folder):
    """The files that GNU tar makes, by their names."""
    target = folder / "extracted"
    target.mkdir(exist_ok=True)
    command = ["tar", "-x", "-f", archive, "-C", target]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    # It says so if the archive has no end, or anything after it.
    assert (done.returncode, done.stderr) == (0, ""), done
    found = {str(file.relative_to(target)): file for file in target.rglob("*") if file.is_file()}
    return {name: (file.stat().st_size, digest(file)) for name, file in found.items()}


def python_tarfile(archive):
    with tarfile.open(archive) as opened:
        return {
            entry.name: io.BytesIO(opened.extractfile(entry).read()).getvalue()
            for entry in opened
            if entry.isfile()
        }


def tar_stream(archive):
    return node("untar", [{"archive": str(archive)}])[0]


def got(mount, folder, path, *options):
    """The archive in a file, and the headers of the answer by their names in lower case."""
    curl("--fail", "-D", folder / "head", "-o", folder / "got.tar", *options, *mount.curl_arguments(path))
    lines = (folder / "head").read_text().splitlines()[1:]
    headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines if line}
    return folder / "got.tar", headers


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", [0, 1])
def test_every_program_finds_the_file(mount, folder, size, version):
    file = written(folder, size)
    cid = mount.add(file, cidVersion=version)
    archive, headers = got(mount, folder, f"get?{arg('/ipfs/' + cid)}")
    assert headers["content-type"] == "application/x-tar"
    # The length of the file and, since it is known, that of the archive.
    assert headers["x-content-length"] == str(size)
    padded = 512 + (size + 511) // 512 * 512 + 1024
    assert headers["content-length"] == str(padded) == str(archive.stat().st_size)
    assert gnu_tar(archive, folder) == {cid: (size, digest(file))}
    assert python_tarfile(archive) == {cid: file.read_bytes()}
    (entry,) = tar_stream(archive)
    assert (entry["name"], entry["type"], entry["announced"]) == (cid, "file", size)
    assert (entry["size"], entry["sha256"]) == (size, digest(file))


def test_an_entry_is_named_as_the_path_is(url, folder):
    """By its last part; names that are long or not of ASCII are whole too."""
    mount = Kubo(f"{url}/tar")
    file = written(folder, 1234)
    names = ["short.bin", 120 * "n" + ".bin", "Prüfbericht №5.pdf"]
    candidates = [{"path": f"sub/{name}", "file": str(file)} for name in names]
    step = {"call": "addAll", "files": candidates, "options": {"wrapWithDirectory": True}}
    root = mount.rpc(step)[0][-1]["cid"]
    for name in names:
        archive, headers = got(mount, folder, f"get?{arg(f'/ipfs/{root}/sub/{name}')}")
        assert headers["content-length"] == str(archive.stat().st_size)
        assert python_tarfile(archive) == {name: file.read_bytes()}
        (entry,) = tar_stream(archive)
        assert (entry["name"], entry["sha256"]) == (name, digest(file))
        assert gnu_tar(archive, folder)[name] == (1234, digest(file))


def test_a_folder_in_one_archive(url, folder):
    mount = Kubo(f"{url}/tar")
    files = {"a": written(folder, 0), "sub/b": written(folder, 513), "sub/c": written(folder, CHUNK + 7)}
    candidates = [{"path": name, "file": str(file)} for name, file in files.items()]
    step = {"call": "addAll", "files": candidates, "options": {"wrapWithDirectory": True}}
    root = mount.rpc(step)[0][-1]["cid"]
    archive, headers = got(mount, folder, f"get?{arg(root)}")
    assert headers["content-type"] == "application/x-tar"
    expected = {f"{root}/{name}": (file.stat().st_size, digest(file)) for name, file in files.items()}
    assert gnu_tar(archive, folder) == expected
    assert set(python_tarfile(archive)) == set(expected)
    entries = [entry for entry in tar_stream(archive) if entry["type"] == "file"]
    assert {entry["name"]: (entry["size"], entry["sha256"]) for entry in entries} == expected


@pytest.mark.parametrize("path", ["/", "/tar/"])
def test_a_client_chooses_what_it_gets(url, folder, path):
    """Whatever the mount says: a tar archive, the file compressed, a compressed archive."""
    mount, file = Kubo(url + path), written(folder, 700_000)
    cid = mount.add(file)
    archive, _ = got(mount, folder, f"get?{arg(cid)}&archive=true")
    assert python_tarfile(archive) == {cid: file.read_bytes()}
    compressed, headers = got(mount, folder, f"get?{arg(cid)}&compress=true")
    assert headers["content-type"] == "application/gzip"
    assert gzip.decompress(compressed.read_bytes()) == file.read_bytes()
    both, _ = got(mount, folder, f"get?{arg(cid)}&archive=true&compress=true&compression-level=9")
    assert python_tarfile(both) == {cid: file.read_bytes()}
    (length,) = mount.rpc({"call": "get", "arg": cid, "options": {"archive": True}})
    assert length["size"] == 512 + (700_000 + 511) // 512 * 512 + 1024
