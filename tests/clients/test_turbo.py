"""The real turbo, of several versions: what one of them builds the next clone gets from the cache."""

import os
import pty
import re
import select
import time

import pytest
from caches import TENANTS, cache_route, issuers, pull_request, token
from process import eventually
from turborepo import FAST_VERSIONS, SIGNING_KEY, VERSIONS, Monorepo, Remote

# What a version says about a refused upload; the eldest says nothing.
REFUSED = {
    "2.11.11": "skipping uploads for this run (remote cache reads remain enabled)",
    "2.5.8": "Insufficient permissions to write to remote cache",
    "2.1.1": "unknown status forbidden",
    "1.13.4": "unknown status forbidden",
    "1.10.16": "",
}

every_version = pytest.mark.parametrize("version", VERSIONS)
every_delivery = pytest.mark.parametrize("delivery", ["stream", "redirect"])


@pytest.fixture(scope="module")
def start(embedded, serve, tmp_path_factory):
    """Starts gateways with one route for each delivery, over the same bucket."""
    known = issuers(tmp_path_factory.mktemp("keys"))
    routes = [cache_route(f"/{delivery}/", "turborepo", delivery) for delivery in ("stream", "redirect")]
    return lambda: serve(embedded, routes, issuers=known, tenants=TENANTS)


@pytest.fixture(scope="module")
def url(start):
    return start().url


def stored(embedded, team, hashes):
    """The objects there are of these hashes, with their metadata."""
    found = {}
    for name in hashes:
        listed = embedded.client.list_objects_v2(Bucket=embedded.bucket, Prefix=f"{team}/{name}")
        for entry in listed.get("Contents", []):
            head = embedded.client.head_object(Bucket=embedded.bucket, Key=entry["Key"])
            found[entry["Key"]] = head["Metadata"]
    return found


@every_version
@every_delivery
@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_a_fresh_clone_gets_what_was_built(url, embedded, folder, version, delivery, signed):
    monorepo = Monorepo(folder, version, signed)
    key = SIGNING_KEY if signed else None
    remote = Remote(f"{url}/{delivery}", token(), key=key)
    first, second, third = monorepo.clone(), monorepo.clone(), monorepo.clone()

    built = first.build(remote)
    assert built.cached == (0, 2)
    assert not built.warnings
    objects = stored(embedded, "acme", built.hashes.values())
    assert set(objects) == {f"acme/{name}" for name in built.hashes.values()}
    for metadata in objects.values():
        assert int(metadata["artifact-duration"]) > 0
        assert ("artifact-tag" in metadata) == signed

    known = second.dry(remote)
    for name, found in built.hashes.items():
        assert known[name]["hash"] == found
        assert (known[name]["status"], known[name]["source"]) == ("HIT", "REMOTE")
        assert known[name]["timeSaved"] > 0
    assert second.built() == {"lib": None, "app": None}

    # Who has only the right to read replays all the same.
    for checkout, who in ((second, token()), (third, pull_request(7))):
        replayed = checkout.build(Remote(remote.api, who, key=key))
        assert "FULL TURBO" in replayed.output, replayed.output
        assert not replayed.warnings
        assert checkout.built() == first.built()


@every_version
def test_another_signature_is_no_hit(url, folder, version):
    monorepo = Monorepo(folder, version, signed=True)
    monorepo.clone().build(Remote(f"{url}/redirect", token(), key="x" + SIGNING_KEY))
    checkout = monorepo.clone()
    run = checkout.build(Remote(f"{url}/redirect", pull_request(7), key=SIGNING_KEY))
    assert run.cached == (0, 2)
    assert all(checkout.built().values())


@every_version
def test_who_may_only_read_uploads_nothing(url, embedded, folder, version):
    monorepo = Monorepo(folder, version)
    main, reader = Remote(f"{url}/stream", token()), Remote(f"{url}/stream", pull_request(7))
    monorepo.clone().build(main)
    monorepo.change("app")
    run = monorepo.clone().build(reader)
    # The package that main has is a hit, the other is built and stays where it was built.
    assert run.cached == (1, 2)
    assert not stored(embedded, "acme", [run.hashes["app"]])
    monorepo.change("lib")
    checkout = monorepo.clone()
    run = checkout.build(reader)
    assert run.cached == (0, 2)
    assert all(checkout.built().values())
    assert not stored(embedded, "acme", run.hashes.values())
    expected = 1 if REFUSED[version] else 0
    assert len(run.warnings) == expected, run.output
    assert REFUSED[version] in "".join(run.warnings)


@every_version
def test_a_disabled_team_has_no_cache(url, embedded, folder, version):
    monorepo = Monorepo(folder, version)
    acme = monorepo.clone().build(Remote(f"{url}/stream", token()))
    # Even what is in the bucket is not for a team that is disabled.
    for name in acme.hashes.values():
        source = {"Bucket": embedded.bucket, "Key": f"acme/{name}"}
        embedded.client.copy_object(Bucket=embedded.bucket, Key=f"closed/{name}", CopySource=source)
    closed = Remote(f"{url}/stream", token(repository_owner="closed"), team="closed")
    assert monorepo.clone().build(closed).cached == (0, 2)
    monorepo.change("lib")
    run = monorepo.clone().build(closed)
    assert run.cached == (0, 2)
    assert not stored(embedded, "closed", run.hashes.values())


@every_version
def test_a_team_is_not_had_by_asking_for_it(url, embedded, folder, version):
    monorepo = Monorepo(folder, version)
    monorepo.clone().build(Remote(f"{url}/stream", token()))
    others = token(repository_owner="others", repository="others/web")
    for team, team_id in (("acme", None), (None, "team_1a2b3c"), ("others", "team_1a2b3c")):
        run = monorepo.clone().build(Remote(f"{url}/stream", others, team, team_id))
        assert run.cached == (0, 2), (team, team_id)
    # Nor does the same hash of another team get in the way.
    mine = Remote(f"{url}/stream", others, "others")
    checkout = monorepo.clone()
    assert checkout.build(mine).cached == (0, 2)
    again = monorepo.clone()
    assert "FULL TURBO" in again.build(mine).output
    assert again.built() == checkout.built()
    assert set(stored(embedded, "others", run.hashes.values()))


@every_version
def test_a_team_has_a_name_and_an_id(url, folder, version):
    monorepo = Monorepo(folder, version)
    first = monorepo.clone()
    first.build(Remote(f"{url}/stream", token(), team=None, team_id="team_1a2b3c"))
    for team, team_id in (("acme", None), ("acme", "team_1a2b3c"), (None, "team_1a2b3c")):
        checkout = monorepo.clone()
        run = checkout.build(Remote(f"{url}/stream", token(), team, team_id))
        assert "FULL TURBO" in run.output, (team, team_id, run.output)
        assert checkout.built() == first.built()


@every_version
def test_a_signature_with_the_id_of_a_team_verifies(url, folder, version):
    monorepo = Monorepo(folder, version, signed=True)
    remote = Remote(f"{url}/redirect", token(), team=None, team_id="team_1a2b3c", key=SIGNING_KEY)
    monorepo.clone().build(remote)
    assert "FULL TURBO" in monorepo.clone().build(remote).output


@every_version
@every_delivery
def test_a_preflight_is_answered(url, folder, version, delivery):
    monorepo = Monorepo(folder, version)
    remote = Remote(f"{url}/{delivery}", token())
    monorepo.clone().build(remote, "--preflight")
    checkout = monorepo.clone()
    assert all(found["status"] == "HIT" for found in checkout.dry(remote, "--preflight").values())
    for run in (checkout.build(remote, "--preflight"), monorepo.clone(TURBO_PREFLIGHT="true").build(remote)):
        assert "FULL TURBO" in run.output, run.output


@every_version
@pytest.mark.parametrize("end", ["terminate", "stop"])
def test_a_gateway_that_goes_away_stops_no_build(start, folder, version, end):
    """The first package is built with a gateway there; the second without, and all that follows."""
    gateway = start()
    wait = "mkdir -p dist ../../gate && touch dist/when ../../gate/$npm_package_name"
    wait += " && until [ -e ../../gate/go-$npm_package_name ]; do sleep 0.05; done"
    monorepo = Monorepo(folder, version, script=wait)
    checkout = monorepo.clone()
    gate = checkout.folder / "gate"
    remote = Remote(f"{gateway.url}/stream", token())
    with checkout.start(remote, "run", "build") as child:
        try:
            eventually((gate / "lib").exists, what="the build of the first package")
            (gate / "go-lib").touch()
            eventually((gate / "app").exists, what="the build of the second package")
            getattr(gateway, end)()
            gateway.wait()
            (gate / "go-app").touch()
            output, _ = child.communicate(timeout=60)
        finally:
            child.kill()
    assert child.returncode == 0, output
    assert re.search(r"2 successful, 2 total", output), output
    late = monorepo.clone()
    (late.folder / "gate").mkdir()
    for name in ("lib", "app"):
        (late.folder / f"gate/go-{name}").touch()
    assert late.build(remote).cached == (0, 2)


def typed(checkout, remote, answers):
    """What turbo link shows on a terminal where somebody types the answers to its questions."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(checkout.folder)
        command = [str(part) for part in checkout.command("link")]
        os.execve(command[0], command, checkout.environment(remote) | {"TERM": "xterm"})
    shown, deadline, code = b"", time.monotonic() + 30, None
    try:
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 0.1)[0]:
                continue
            try:
                shown += os.read(terminal, 65536)
            except OSError:
                break
            for question in [question for question in answers if question in shown]:
                os.write(terminal, answers.pop(question))
        else:
            os.kill(child, 9)
    finally:
        os.close(terminal)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, shown.decode(errors="replace")


@every_version
def test_a_checkout_is_linked_to_a_team(url, folder, version):
    monorepo = Monorepo(folder, version)
    first = monorepo.clone()
    first.build(Remote(f"{url}/stream", token()))
    linked = monorepo.clone()
    nobody = Remote(f"{url}/stream", token(), team=None)
    answers = {b"[y/n]": b"y", b"type to filter": b"Acme\r"}
    code, shown = typed(linked, nobody, answers)
    assert code == 0, shown
    assert "CLI authorized for" in shown, shown
    assert "team_1a2b3c" in (linked.folder / ".turbo/config.json").read_text()
    # From now on nobody has to name the team.
    run = linked.build(nobody)
    assert "FULL TURBO" in run.output, run.output
    assert linked.built() == first.built()


@pytest.mark.parametrize("version", FAST_VERSIONS)
@pytest.mark.parametrize("path", ["/turbo", "/redirect/turbo"])
def test_the_demo_is_a_cache(dev, folder, version, path):
    facts = dev.ready["turborepo"]
    main = Remote(dev.url + path, facts["token"], facts["team"])
    reader = Remote(dev.url + path, facts["read_only_token"], facts["team"])
    monorepo = Monorepo(folder, version)
    first, again = monorepo.clone(), monorepo.clone()
    first.build(main)
    assert "FULL TURBO" in again.build(reader).output
    assert again.built() == first.built()
    monorepo.change("lib")
    monorepo.clone().build(reader)
    assert monorepo.clone().build(main).cached == (0, 2)
