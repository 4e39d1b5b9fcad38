"""Older clients of Shaken Fist. Only with --full."""

import os
import re
from pathlib import Path

import pytest
from shakenfist import CHUNK_MAX, PATH, ShakenFist, digest, started, written

# Those before 0.7 know nothing of hashes. 0.5 does not start with its own dependencies.
VERSIONS = {"0.8": True, "0.7.0": True, "0.6.5": False}
SIZE = 3 * CHUNK_MAX + 1


@pytest.fixture(scope="module")
def gateway(embedded, serve, tmp_path_factory):
    return started(serve, embedded, tmp_path_factory.mktemp("old"))


@pytest.mark.parametrize("version", VERSIONS)
def test_older_clients_upload_and_download(gateway, folder, version):
    program = Path(os.environ["CASGATE_PYTHON"]) / f"shakenfist-client=={version}/bin/sf-client"
    client = ShakenFist(gateway.url + PATH, program=program)
    for size in (1, SIZE):
        name, file = f"old-{version}-{size}", written(folder, size, version)
        said = client.artifact("upload", name, file).ok()
        (artifact,) = re.findall(r"^Created artifact (\S+)$", said, re.MULTILINE)
        assert client.list()[artifact]["source_url"] == f"sf://upload/demo/{name}"
        assert (client.show(artifact)["index"], list(client.versions(artifact))) == (1, [1])
        assert client.download(artifact, folder / f"got-{size}") == digest(file)
        again = client.artifact("upload", f"{name}-again", file).ok()
        assert ("Recycling existing blob" in again) == VERSIONS[version]
        client.artifact("delete", artifact).ok()
        assert artifact not in client.list()
