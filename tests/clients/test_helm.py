"""The chart in `helm/casgate`, rendered by Helm itself: whether Kubernetes would take what comes out,
and whether that fits together with what casgate does.

There is no Kubernetes here, so what controllers make of the objects is not tried.
"""

import copy
import json
import math
import re
from pathlib import Path

import helm_python as helm
import jsonschema
import kubernetes_validate
import pytest
import yaml
from certificates import self_signed
from process import Casgate, casgate
from web import request

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "casgate"
EXAMPLES = sorted((CHART / "ci").glob("*-values.yaml"))
# The oldest that Chart.yaml allows, and newer ones.
KUBERNETES = ("1.25", "1.30", "1.33", "1.37")
NAME = {"name": "release", "namespace": "somewhere"}


def read(file):
    return yaml.safe_load(file.read_text())


def render(values, **options):
    """All objects, by kind and name."""
    with helm.Chart.load(CHART) as chart:
        files = chart.render(values, **{**NAME, **options})
    found = [
        entry
        for name, text in files.items()
        if name.endswith(".yaml")
        for entry in yaml.safe_load_all(text)
        if entry
    ]
    objects = {(entry["kind"], entry["metadata"]["name"]): entry for entry in found}
    assert len(objects) == len(found)
    return objects


def only(objects, kind):
    (found,) = [entry for (of, _), entry in objects.items() if of == kind]
    return found


def pod_of(objects):
    return only(objects, "Deployment")["spec"]["template"]


def container_of(objects):
    (container,) = pod_of(objects)["spec"]["containers"]
    return container


def changed(values, changes):
    """Values with others laid over them, map by map."""
    values = copy.deepcopy(values)
    for key, change in changes.items():
        inner = values.get(key)
        values[key] = changed(inner, change) if isinstance(change, dict) and isinstance(inner, dict) else change
    return values


@pytest.fixture(params=EXAMPLES, ids=lambda file: file.name)
def example(request):
    """The values of one example."""
    return read(request.param)


@pytest.fixture
def simple():
    return read(CHART / "ci" / "static-secrets-values.yaml")


@pytest.fixture
def everything():
    return read(CHART / "ci" / "everything-values.yaml")


@pytest.fixture
def config_file(folder, monkeypatch):
    """Writes the rendered configuration, with secrets that exist, to a file."""

    def write(objects, change=None):
        (text,) = only(objects, "ConfigMap")["data"].values()
        for path in set(re.findall(r"/secrets/[\w/]+", text)):
            secret = folder / path.replace("/", "-")
            secret.write_text("0123456789" * 4)
            text = text.replace(path, str(secret))
        variables = [entry["name"] for entry in container_of(objects).get("env", [])]
        # What the Secret of envFrom holds.
        for name in (*variables, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "0123456789" * 4)
        if change:
            text = json.dumps(change(yaml.safe_load(text)))
        file = folder / "casgate.yaml"
        file.write_text(text)
        return file

    return write


# What comes out


@pytest.mark.parametrize("file", [None, *EXAMPLES], ids=lambda file: file.name if file else "no values")
def test_lint_has_nothing_to_say(file):
    said = helm.lint(CHART, read(file) if file else None, strict=True)
    assert said["errors"] == [] and said["total_charts_linted"] == 1
    # Less than a warning is that there is no icon.
    assert [message for message in said["messages"] if message["severity"] > 1] == []


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_all_of_it(example, version):
    for (kind, _), entry in render(example).items():
        # Objects of others have no schema here.
        if kind != "ServiceMonitor":
            kubernetes_validate.validate(entry, version, strict=True)


def test_what_kubernetes_does_not_know_would_be_seen(simple):
    mistake = changed(simple, {"podSecurityContext": {"runAsNobody": True}})
    with pytest.raises(kubernetes_validate.ValidationError, match="runAsNobody"):
        kubernetes_validate.validate(only(render(mistake), "Deployment"), "1.30", strict=True)


def test_casgate_takes_the_configuration(example, config_file):
    objects = render(example)
    checked = casgate("check", config_file(objects))
    assert (checked.returncode, checked.stderr) == (0, "")
    (text,) = only(objects, "ConfigMap")["data"].values()
    config = yaml.safe_load(text)
    schema = json.loads(casgate("schema").stdout)
    jsonschema.Draft202012Validator(schema).validate(config)
    # Nothing of what was given is lost or becomes something else.
    assert changed(config, example["config"]) == config


def test_selectors_find_the_pods_and_nothing_else(everything):
    objects = render(everything)
    labels = pod_of(objects)["metadata"]["labels"]
    deployment, disruption = only(objects, "Deployment"), only(objects, "PodDisruptionBudget")
    services = [entry for (kind, _), entry in objects.items() if kind == "Service"]
    assert len(services) == 2
    selectors = [entry["spec"]["selector"] for entry in services]
    selectors += [entry["spec"]["selector"]["matchLabels"] for entry in (deployment, disruption)]
    spread = pod_of(objects)["spec"]["topologySpreadConstraints"]
    selectors += [constraint["labelSelector"]["matchLabels"] for constraint in spread]
    assert len(selectors) == 6
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert selector["app.kubernetes.io/instance"] == NAME["name"]
    target = only(objects, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) in objects
    assert "replicas" not in deployment["spec"], "it would undo what the autoscaler does"


def test_the_admin_port_is_of_no_service_but_its_own(simple, everything):
    def services(values):
        return {name: entry for (kind, name), entry in render(values).items() if kind == "Service"}

    ports = [port for entry in services(simple).values() for port in entry["spec"]["ports"]]
    assert [port["targetPort"] for port in ports] == ["http"]
    found = services(everything)
    assert [port["targetPort"] for port in found["artifacts"]["spec"]["ports"]] == ["http"]
    admin = found["artifacts-admin"]
    assert admin["spec"]["clusterIP"] == "None"
    monitor = only(render(everything), "ServiceMonitor")["spec"]
    wanted = monitor["selector"]["matchLabels"].items()
    assert [name for name, entry in found.items() if wanted <= entry["metadata"]["labels"].items()] == [
        "artifacts-admin"
    ]
    assert monitor["endpoints"][0]["port"] == admin["spec"]["ports"][0]["name"]


def test_the_container_may_do_nothing_special(example):
    objects = render(example)
    pod, container = pod_of(objects)["spec"], container_of(objects)
    user = re.search(r"(?m)^USER (\d+):(\d+)$", (ROOT / "deploy" / "Dockerfile").read_text())
    security = pod["securityContext"]
    assert security["runAsNonRoot"] and security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert [str(security["runAsUser"]), str(security["runAsGroup"])] == [user[1], user[2]]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert {"cpu", "memory"} == container["resources"]["requests"].keys()
    assert "memory" in container["resources"]["limits"]


def test_the_image_is_the_one_of_this_version(simple, everything):
    version = re.search(r'(?m)^version = "(.*)"$', (ROOT / "Cargo.toml").read_text())[1]
    assert read(CHART / "Chart.yaml")["appVersion"] == version
    assert container_of(render(simple))["image"] == f"registry.example.com/casgate:{version}"
    digest = everything["image"]["digest"]
    assert container_of(render(everything))["image"] == f"registry.example.com/casgate@{digest}"


# Whether it fits casgate


def test_the_probes_ask_what_casgate_answers(example, config_file, folder):
    objects = render(example)
    container = container_of(objects)
    (text,) = only(objects, "ConfigMap")["data"].values()
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    config = yaml.safe_load(text)
    assert config["admin"].endswith(f":{ports['admin']}")
    assert config["listen"][0].endswith(f":{ports['http']}")

    def on_free_ports(config):
        config.update(listen=["127.0.0.1:0"], admin="127.0.0.1:0")
        for bucket in config["buckets"].values():
            bucket["endpoint"] = "http://127.0.0.1:9"
        return config

    file = config_file(objects, on_free_ports)
    program, *arguments = container["args"]
    assert arguments[-1] == "/etc/casgate/casgate.yaml"
    gateway = Casgate(folder, program, *(set(arguments[:-1]) | {"--json"}), file)
    try:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = container[probe]["httpGet"]
            assert asked["port"] == "admin"
            assert request(gateway.admin_url + asked["path"]).status == 200, probe
    finally:
        gateway.stop()


def test_the_file_is_where_the_arguments_say(example):
    objects = render(example)
    (key,) = only(objects, "ConfigMap")["data"]
    container = container_of(objects)
    (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "config"]
    assert container["args"][-1] == f"{mount['mountPath']}/{key}"
    # The kubelet never changes a file that is mounted alone.
    assert "subPath" not in mount
    (volume,) = [volume for volume in pod_of(objects)["spec"]["volumes"] if volume["name"] == "config"]
    assert ("ConfigMap", volume["configMap"]["name"]) in objects


def test_tls_is_had_as_the_comments_say(simple, config_file, folder):
    lines = re.findall(r"(?m)^#   (.*)$", (CHART / "values.yaml").read_text())
    objects = render(changed(simple, yaml.safe_load("\n".join(lines))))
    container = container_of(objects)
    (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "tls"]
    assert "tls" in [volume["name"] for volume in pod_of(objects)["spec"]["volumes"]]
    (text,) = only(objects, "ConfigMap")["data"].values()
    # What a Secret of the type kubernetes.io/tls has.
    assert sorted(re.findall(rf"{mount['mountPath']}/([\w.]+)", text)) == ["tls.crt", "tls.key"]
    file = config_file(objects)
    for made, name in zip(self_signed(folder / "made", "tls"), ("tls.crt", "tls.key"), strict=True):
        (folder / f"{mount['mountPath']}/{name}".replace("/", "-")).write_bytes(made.read_bytes())
    checked = casgate("check", file)
    assert (checked.returncode, checked.stderr) == (0, "")


def grace(values):
    return pod_of(render(values))["spec"]["terminationGracePeriodSeconds"]


@pytest.mark.parametrize(
    ("shutdown", "seconds"),
    [
        ({"delay": "3s", "drain": "20s"}, 23),
        ({"delay": "0s", "drain": "0s"}, 0),
        ({"delay": "500ms", "drain": "1m 30s"}, 90.5),
        ({"delay": "10 seconds", "drain": "0.5h"}, 1810),
        ({"delay": "1m30s", "drain": "2 minutes"}, 210),
    ],
    ids=lambda value: " and ".join(value.values()) if isinstance(value, dict) else None,
)
def test_a_pod_gets_the_time_it_needs_to_end(simple, config_file, shutdown, seconds):
    values = changed(simple, {"config": {"shutdown": shutdown}})
    assert casgate("check", config_file(render(values))).returncode == 0
    least = math.ceil(seconds) + 5
    assert grace(values) == least
    assert grace({**values, "terminationGracePeriodSeconds": least}) == least
    with pytest.raises(helm.HelmRenderError, match="terminationGracePeriodSeconds"):
        grace({**values, "terminationGracePeriodSeconds": least - 1})


def test_without_a_setting_the_defaults_of_casgate_count(simple):
    shutdown = json.loads(casgate("schema").stdout)["$defs"]["Shutdown"]["properties"]
    explicit = {key: shutdown[key]["default"] for key in ("delay", "drain")}
    with_them = grace(changed(simple, {"config": {"shutdown": explicit}}))
    for nothing in (None, {"delay": None, "drain": None}):
        assert grace(changed(simple, {"config": {"shutdown": nothing}})) == with_them


def test_a_change_replaces_the_pods_or_is_left_to_casgate(simple):
    other = changed(simple, {"config": {"log": {"level": "debug"}}})
    pods = [pod_of(render(values)) for values in (simple, other)]
    assert pods[0] != pods[1]
    for pod in pods:
        del pod["metadata"]["annotations"]["checksum/config"]
    assert pods[0] == pods[1]
    quiet = [pod_of(render({**values, "onConfigChange": "reload"})) for values in (simple, other)]
    assert quiet[0] == quiet[1]


def test_identity_for_aws_rides_on_the_service_account(everything):
    objects = render(everything)
    account = only(objects, "ServiceAccount")
    assert account["metadata"]["annotations"] == everything["serviceAccount"]["annotations"]
    assert pod_of(objects)["spec"]["serviceAccountName"] == account["metadata"]["name"]
    own = changed(everything, {"serviceAccount": {"create": False, "name": "theirs"}})
    objects = render(own)
    assert pod_of(objects)["spec"]["serviceAccountName"] == "theirs"
    assert "ServiceAccount" not in {kind for kind, _ in objects}


# What is refused

MISTAKES = {
    "a key that does not exist": {"replica": 3},
    "a key that does not exist, further in": {"image": {"name": "casgate"}},
    "a number as text": {"replicas": "two"},
    "a policy that does not exist": {"image": {"pullPolicy": "Sometimes"}},
    "a digest that is none": {"image": {"digest": "sha256:abc"}},
    "a word for changes that does not exist": {"onConfigChange": "restrat"},
    "health that only the pod itself could ask for": {"config": {"admin": "127.0.0.1:9090"}},
    "health on any port": {"config": {"admin": "0.0.0.0:0"}},
    "no health": {"config": {"admin": None}},
    "nothing to listen on": {"config": {"listen": []}},
    "a budget of nothing": {"podDisruptionBudget": {"maxUnavailable": 0}},
    "a variable without name": {"extraEnv": [{"value": "x"}]},
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_values_of_the_wrong_form_are_refused(simple, mistake):
    with pytest.raises(helm.HelmError) as refused:
        render(changed(simple, MISTAKES[mistake]))
    assert "schema" in str(refused.value)
    assert helm.lint(CHART, changed(simple, MISTAKES[mistake]), strict=True)["errors"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": {"routes": []}}, "config.routes: there is none"),
        ({"containerPort": 8081}, "config.listen has no address with port 8081"),
        ({"config": {"shutdown": {"delay": "soon"}}}, "soon is no duration"),
        ({"config": {"shutdown": {"drain": "1 week"}}}, "write 1 week in ms, s, m or h"),
        (
            {"config": {"state": {"embedded": {"path": "/state.redb"}}}},
            "config.state.embedded: a rollout starts a second process",
        ),
    ],
)
def test_values_that_cannot_work_are_refused(simple, change, message):
    with pytest.raises(helm.HelmRenderError, match=re.escape(message)):
        render(changed(simple, change))
