"""The image, the systemd unit and the compose project in `deploy/`: each as far as it can be tried
without a container runtime, and all of them against what casgate itself does and has as defaults.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from process import BINARY, casgate

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PACKAGE = (ROOT / "Cargo.toml").read_text()


def run(*command, **options):
    options = {"capture_output": True, "text": True, "timeout": 120, "check": False, **options}
    return subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, **options)


def package_field(name):
    return re.search(rf'(?m)^{name} = "(.*)"$', PACKAGE)[1]


@pytest.fixture(scope="module")
def defaults():
    """The defaults of casgate, as its schema tells them: `section`, `key`."""
    definitions = json.loads(casgate("schema").stdout)["$defs"]
    return lambda section, key: definitions[section]["properties"][key]["default"]


def seconds(text):
    """Of a duration with whole seconds or minutes."""
    parts = re.findall(r"(\d+)(m|s)", text)
    assert "".join(number + unit for number, unit in parts) == text.replace(" ", ""), text
    return sum(int(number) * {"s": 1, "m": 60}[unit] for number, unit in parts)


@pytest.fixture(scope="module")
def ending(defaults):
    """How many seconds casgate takes to end by default."""
    return seconds(defaults("Shutdown", "delay")) + seconds(defaults("Shutdown", "drain"))


@pytest.fixture(scope="module")
def files_needed(defaults):
    """How many files it may have open: each connection's client and storage, and some more."""
    idle = defaults("Limits", "idle_storage_connections")
    return 2 * defaults("Limits", "connections") + idle + 64


# The image


def instructions():
    text = re.sub(r"(?m)^#.*\n", "", (DEPLOY / "Dockerfile").read_text()).replace("\\\n", " ")
    return [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]


def instruction(name):
    """What stands after the last one of a name."""
    return [rest for word, rest in instructions() if word == name][-1]


def argument(name):
    found = [rest for word, rest in instructions() if word == "ARG" and rest.startswith(name + "=")]
    return found[0].removeprefix(name + "=")


def copied_from_the_context():
    copies = [rest.split()[:-1] for word, rest in instructions() if word == "COPY"]
    return {source for sources in copies for source in sources if not sources[0].startswith("--from")}


def test_the_dockerfile_has_no_finding():
    hadolint = Path(sys.executable).parent / "hadolint"
    found = run(hadolint, "--no-color", "--failure-threshold", "style", DEPLOY / "Dockerfile")
    assert (found.returncode, found.stdout) == (0, ""), found


def test_the_build_has_all_it_needs_and_no_more(folder):
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in ignore if line and not line.startswith("#")]
    assert rules[0] == "*"
    sources = copied_from_the_context()
    assert {rule.removeprefix("!") for rule in rules[1:]} == sources
    for source in sources:
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, folder / source)
    # Every manifest is there and the lock file fits; compiling would take minutes.
    tree = run("cargo", "tree", "--locked", "--no-default-features", "-e", "normal", cwd=folder)
    assert tree.returncode == 0, tree.stderr
    assert "libz-ng-sys" in tree.stdout and "s3s" not in tree.stdout


def test_the_build_is_the_one_meant_for_images():
    build = instruction("RUN")
    assert "cargo build --profile dist --no-default-features --locked " in build
    assert "[profile.dist]" in PACKAGE and "target/dist/casgate" in build
    rust = re.fullmatch(r"rust:(\d+\.\d+)\.\d+-slim-(\w+)", argument("RUST_IMAGE"))
    assert rust[1] == package_field("rust-version")
    debian = re.fullmatch(r"gcr\.io/distroless/cc-debian(\d+):nonroot", argument("FINAL_IMAGE"))
    assert {"bookworm": "12", "trixie": "13"}[rust[2]] == debian[1]
    assert argument("VERSION") == package_field("version")


def test_the_image_runs_casgate_as_nobody_special():
    user = re.fullmatch(r"(\d+):(\d+)", instruction("USER"))
    assert int(user[1]) > 0 and int(user[2]) > 0
    assert json.loads(instruction("ENTRYPOINT")) == ["/casgate"]
    command = json.loads(instruction("CMD"))
    # The arguments are right: only the file is missing.
    done = casgate(*command)
    assert done.returncode == 64 and f"{command[-1]}: cannot read the file" in done.stderr


# systemd


def unit():
    lines = (DEPLOY / "casgate.service").read_text().splitlines()
    pairs = [line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")]
    # Of the settings that are looked at here none is repeated.
    return dict(pairs)


def systemd_analyze(folder, *arguments, change=lambda text: text):
    """What systemd says of the unit with the built binary."""
    text = (DEPLOY / "casgate.service").read_text()
    program = unit()["ExecStart"].split()[0]
    file = folder / "casgate.service"
    file.write_text(change(text.replace(f"={program} ", f"={BINARY} ")))
    return run("systemd-analyze", *arguments, file, env={**os.environ, "SYSTEMD_COLORS": "0"})


def test_systemd_understands_the_unit(folder):
    said = systemd_analyze(folder, "verify", "--man=no", "--recursive-errors=no")
    assert (said.returncode, said.stderr) == (0, "")


def test_systemd_complains_of_a_unit_that_is_wrong(folder):
    wrong = systemd_analyze(
        folder,
        "verify",
        "--man=no",
        "--recursive-errors=no",
        change=lambda text: text.replace("ProtectSystem=strict", "ProtectSystem=very"),
    )
    assert "Failed to parse protect system value" in wrong.stderr


def test_the_unit_is_hardened(folder):
    # 15 stands for an exposure level of 1.5 out of 10; a service has 9.6 without settings.
    said = systemd_analyze(folder, "security", "--offline=yes", "--threshold=15")
    assert said.returncode == 0, said.stdout
    # The level is not told apart where one of these implies the other.
    wanted = {"DynamicUser": "yes", "NoNewPrivileges": "yes", "ProtectSystem": "strict"}
    assert wanted.items() <= unit().items()


def test_the_unit_fits_casgate(ending, files_needed):
    settings = unit()
    assert seconds(settings["TimeoutStopSec"]) > ending
    assert int(settings["LimitNOFILE"]) >= files_needed
    program, *arguments = settings["ExecStart"].split()
    done = casgate(*arguments)
    assert "cannot read the file" in done.stderr, "the arguments are wrong"
    # Starting again changes nothing about a configuration with problems.
    assert done.returncode == int(settings["RestartPreventExitStatus"])


# compose


@pytest.fixture
def project(folder):
    """A copy of the folder, after the commands at the head of compose.yaml."""
    copy = folder / "deploy"
    shutil.copytree(DEPLOY, copy, ignore=shutil.ignore_patterns("secrets"))
    head = (copy / "compose.yaml").read_text().partition("\n\nname:")[0]
    commands = [line[4:] for line in head.splitlines() if line.startswith("#   ")]
    assert commands.pop() == "docker compose up --build"
    done = run("bash", "-euo", "pipefail", "-c", "umask 022\n" + "\n".join(commands), cwd=copy)
    assert done.returncode == 0, done.stderr
    return copy


@pytest.fixture
def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.fixture
def gateway_config():
    return yaml.safe_load((DEPLOY / "compose" / "casgate.yaml").read_text())


def port(address):
    return int(address.rpartition(":")[2])


def test_the_commands_make_every_file_that_containers_get(project, compose):
    files = [secret["file"] for secret in compose["secrets"].values()]
    services = compose["services"].values()
    files += [service["env_file"] for service in services if "env_file" in service]
    files += [
        volume["source"]
        for service in services
        for volume in service.get("volumes", [])
        if isinstance(volume, dict)
    ]
    assert len(files) == 6
    for file in files:
        # The user of the container is another one.
        assert (project / file).stat().st_mode & 0o004, file


def test_its_configuration_works_with_those_secrets(project, compose):
    text = (project / "compose" / "casgate.yaml").read_text()
    named = set(re.findall(r"/run/secrets/(\w+)", text))
    assert named == set(compose["services"]["casgate"]["secrets"]) == set(compose["secrets"])
    for name in named:
        text = text.replace(f"/run/secrets/{name}", str(project / compose["secrets"][name]["file"]))
    file = project / "checked.yaml"
    file.write_text(text)
    checked = casgate("check", file)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_garage_and_casgate_mean_the_same(project, compose, gateway_config):
    garage = (project / "compose" / "garage.toml").read_text()
    setting = dict(re.findall(r'(?m)^(\w+) = "(.*)"$', garage))
    environment = dict(
        line.split("=", 1) for line in (project / "compose/secrets/garage.env").read_text().splitlines()
    )
    bucket = gateway_config["buckets"]["artifacts"]
    assert bucket["region"] == setting["s3_region"]
    assert bucket["bucket"] == environment["GARAGE_DEFAULT_BUCKET"]
    assert bucket["endpoint"] == f"http://garage:{port(setting['api_bind_addr'])}"
    secrets = project / "compose/secrets"
    assert environment["GARAGE_DEFAULT_ACCESS_KEY"] == (secrets / "access_key_id").read_text()
    assert environment["GARAGE_DEFAULT_SECRET_KEY"] == (secrets / "secret_access_key").read_text()
    # The forms that Garage takes.
    assert re.fullmatch("GK[0-9a-f]{24}", environment["GARAGE_DEFAULT_ACCESS_KEY"])
    assert re.fullmatch("[0-9a-f]{64}", environment["GARAGE_DEFAULT_SECRET_KEY"])
    assert re.fullmatch("[0-9a-f]{64}", environment["GARAGE_RPC_SECRET"])
    published = dict(entry.split(":") for entry in compose["services"]["garage"]["ports"])
    assert published[str(port(bucket["public_endpoint"]))] == str(port(setting["api_bind_addr"]))


def test_the_compose_project_fits_casgate(compose, gateway_config, ending, files_needed):
    service = compose["services"]["casgate"]
    assert seconds(service["stop_grace_period"]) > ending
    assert service["ulimits"]["nofile"] >= files_needed
    inside = {port(entry) for entry in service["ports"]}
    assert inside == {port(gateway_config["listen"][0]), port(gateway_config["admin"])}
    assert inside == {int(number) for number in instruction("EXPOSE").split()}
    mounts = {volume["target"] for volume in service["volumes"]}
    assert json.loads(instruction("CMD"))[-1] in mounts
    word, program, *arguments = service["healthcheck"]["test"]
    assert [word, program] == ["CMD", *json.loads(instruction("ENTRYPOINT"))]
    assert arguments == ["health", f"127.0.0.1:{port(gateway_config['admin'])}"]
    build = service["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")


def test_images_of_others_are_pinned(compose):
    foreign = [service["image"] for service in compose["services"].values() if "build" not in service]
    assert foreign
    for image in (*foreign, argument("RUST_IMAGE")):
        assert re.search(r":v?\d+\.\d+\.\d+(-[\w-]+)?$", image), image
