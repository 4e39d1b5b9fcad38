"""The schema of `casgate schema`, with which editors check a configuration while it is written.

It knows the form of the file, and nothing of what the words in it mean. Of every mistake it must say
the same as `casgate check`, which has the last word.
"""

import copy
import json
import re
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml
from certificates import self_signed
from process import casgate

CONF = Path(__file__).parents[2] / "conf"

# How messages begin that are about the form; all others are about what it means.
FORM = re.compile(
    r"unknown field|unknown variant|missing field|invalid type|invalid value|invalid length"
    r"|.* is no duration|invalid socket address|invalid IP address"
)

# Whatever stands in the file, each of these is put in its place.
OTHER_VALUES = (7, -7, 1.5, True, "words of no form", [], {}, ["word"], {"word": 1})

# RFC 8037, appendix A.2.
PUBLIC_KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}

TEXTS = {
    "timeouts.header": (["500ms", "90s", "1m 30s", "1min30s", "0.5s", "2 minutes"], ["30", "s", "5 parsecs", "-1s"]),
    "limits.header_size": ([16384, "16384", "16KiB", "16kb", "0.5 MiB"], ["0.5", "16 KiBs", "KiB", "-1KiB"]),
    "admin": (["0.0.0.0:9090", "[::]:9090", None], ["localhost:9090", "9090", ":9090", "::1:9090x", "127.0.0.1"]),
    "trusted_proxies": ([["10.0.0.0/8"], ["fd00::/8", "::ffff:0:0/96"]], [["10.0.0.0"], ["ten/8"], ["10.0.0.0/x"]]),
}


@pytest.fixture(scope="module")
def schema():
    printed = casgate("schema")
    assert (printed.returncode, printed.stderr) == (0, "")
    return json.loads(printed.stdout)


@pytest.fixture(scope="module")
def validator(schema):
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def read(file):
    return yaml.safe_load(file.read_text())


@pytest.mark.parametrize("file", sorted(CONF.glob("*.yaml")), ids=lambda file: file.name)
def test_the_examples_have_the_right_form(validator, file):
    assert [error.message for error in validator.iter_errors(read(file))] == []


def nodes(value, path=()):
    """Every value inside of this one, with its path."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*path, key), inner
        yield from nodes(inner, (*path, key))


def changed(config, path, change):
    """A copy in which `change(parent, key)` was applied at a path."""
    config = copy.deepcopy(config)
    parent = config
    for key in path[:-1]:
        parent = parent[key]
    change(parent, path[-1])
    return config


def put(value):
    return lambda parent, key: parent.__setitem__(key, copy.deepcopy(value))


def mistakes(config):
    """Configurations that differ from a good one in one place, by the place and what is there."""
    for path, old in nodes(config):
        place = ".".join(map(str, path))
        # Settings that are all left out may be written as nothing; editors suggest `{}` instead.
        values = OTHER_VALUES if isinstance(old, dict) else (None, *OTHER_VALUES)
        for value in values:
            yield f"{place}: {json.dumps(value)}", changed(config, path, put(value))
        if isinstance(path[-1], str):
            yield f"{place}: removed", changed(config, path, lambda parent, key: parent.pop(key))
            yield f"{place}x: added", changed(config, path, lambda parent, key: parent.update({key + "x": 1}))


def said_of(files):
    """What `casgate check` says, by file."""
    lines = {str(file): [] for file in files}
    # Not all at once, which takes a slow machine longer than a subcommand should.
    for some in batched(lines, 200):
        for line in casgate("check", *some).stderr.splitlines():
            file, _, problem = line.partition(": ")
            if file in lines and not problem.startswith("warning: "):
                lines[file].append(problem)
    return lines


def batched(items, count):
    items = list(items)
    return [items[first : first + count] for first in range(0, len(items), count)]


def is_of_form(problem):
    return FORM.match(problem.partition(": ")[2]) or FORM.match(problem)


@pytest.fixture
def full(monkeypatch, folder):
    """The example with every key, and the variables and files it names."""
    self_signed(folder, "tls")
    for authority in ("clients.crt", "partner-ca.crt", "redis-ca.crt"):
        shutil.copy(folder / "tls.crt", folder / authority)
    (folder / "jwks.json").write_text(json.dumps({"keys": [PUBLIC_KEY]}))
    for name in re.findall(r"env: (\w+)", (CONF / "full.yaml").read_text()):
        # Also 32 bytes in base64.
        monkeypatch.setenv(name, "0123456789" * 4 + "010")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
    return yaml.safe_load((CONF / "full.yaml").read_text().replace("/etc/casgate", str(folder)))


@pytest.mark.parametrize("place", TEXTS)
def test_it_knows_how_values_are_written(validator, full, folder, place):
    good, bad = TEXTS[place]
    files = {}
    for number, value in enumerate((*good, *bad)):
        file = folder / f"{number}.yaml"
        config = changed(full, place.split("."), put(value))
        file.write_text(json.dumps(config))
        files[str(file)] = (value, config)
    said = said_of(files)
    works = [value for file, (value, _) in files.items() if not said[file]]
    has_form = [value for value, config in files.values() if validator.is_valid(config)]
    assert works == has_form == good


def test_editors_can_show_meanings_and_defaults(schema):
    shutdown = schema["$defs"]["Shutdown"]["properties"]
    assert (shutdown["delay"]["default"], shutdown["drain"]["default"]) == ("3s", "20s")
    for name, definition in {"the file": schema, **schema["$defs"]}.items():
        for key, value in definition.get("properties", {}).items():
            assert value.get("description"), f"{key} of {name} is not explained"


def test_it_says_what_check_says(validator, full, folder):
    config, wrong = full, {}
    for number, (name, mistake) in enumerate([("nothing", config), *mistakes(config)]):
        file = folder / f"{number:05}.yaml"
        file.write_text(json.dumps(mistake))
        wrong[str(file)] = (name, mistake)
    said = said_of(wrong)
    refused = {file for file, (_, mistake) in wrong.items() if not validator.is_valid(mistake)}
    assert 500 < len(refused) < len(wrong)
    needless = {wrong[file][0] for file in refused if not said[file]}
    assert needless == set(), "the schema refuses what works"
    missed = {
        wrong[file][0]: said[file]
        for file in said
        if file not in refused and any(map(is_of_form, said[file]))
    }
    assert missed == {}, "the schema accepts what has not even the form"
