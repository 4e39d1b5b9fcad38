"""One measurement of the cache workload."""

import http.client
import os

import cache
from measure import HERE, Sample, wrk

ANSWER_SECONDS_MAX = 30
KINDS = ["hit", "miss", "put"]


def check(contender, folder):
    """Asks for one of each kind and looks at the answers: a wrong answer can be very cheap."""
    artifacts = cache.objects(folder)

    def expect(what, is_right, status):
        if not is_right:
            raise SystemExit(f"{contender.name}: {what} is answered with {status}")

    for size in cache.SIZES:
        hit = cache.name(cache.HIT, size)
        status, body = ask(contender, "GET", hit)
        expect(f"GET of {size} bytes", (status, body) == (200, read(artifacts / hit)), status)
    status, _ = ask(contender, "GET", cache.name(cache.MISS, 0))
    expect("GET of nothing", status == 404, status)

    written, sent = cache.name(cache.CHECK, 0), os.urandom(max(cache.SIZES))
    status, _ = ask(contender, "PUT", written, sent)
    expect("PUT", 200 <= status < 300 and read(artifacts / written) == sent, status)
    status, body = ask(contender, "GET", written)
    expect("GET of what was put", (status, body) == (200, sent), status)

    for method, body in (("GET", None), ("PUT", b"forged")):
        status, _ = ask(contender, method, written, body, authorized=False)
        expect(f"{method} without a token", 400 <= status < 404, status)
    expect("PUT without a token", read(artifacts / written) == sent, "a write")


def read(path):
    return path.read_bytes() if path.exists() else None


def ask(contender, method, name, body=None, *, authorized=True):
    """One request; status and body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", contender.port, timeout=30)
    headers = contender.headers if authorized else {}
    if body is not None:
        headers = {**headers, "Content-Type": "application/octet-stream"}
    path = contender.path + name + cache.QUERY
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    status, content = answer.status, answer.read()
    connection.close()
    return status, content


def load(contender, mix, folder, seconds):
    """Loads a contender for some seconds, and stops the run at the first wrong answer."""
    sizes = ",".join(str(size) for size in cache.SIZES)
    arguments = [seconds, cache.objects(folder), cache.QUERY, sizes]
    result, cpu = wrk(
        contender,
        contender.path,
        # The script ends it sooner.
        seconds + ANSWER_SECONDS_MAX,
        connections=cache.CONNECTIONS,
        script=HERE / "cache.lua",
        arguments=[*arguments, mix.hits, mix.misses, mix.puts],
    )
    is_right = all(result[f"asked_{kind}"] == result[f"answered_{kind}"] for kind in KINDS)
    if not is_right or result["answered_otherwise"] or result["broken"]:
        raise SystemExit(f"{contender.name} answered {mix.label} wrongly: {result}")
    result["microseconds"] = result["microseconds_loaded"]
    return Sample.of(result, cpu, float(result["requests"]), failed=0)
