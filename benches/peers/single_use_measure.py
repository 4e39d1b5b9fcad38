"""One measurement of the tokens workload."""

import http.client
import json
import os
import statistics
import time
from dataclasses import dataclass, replace

import heads
import single_use
from measure import HERE, Sample, wrk
from stores import redis_info

ANSWER_SECONDS_MAX = 30
# Of tokens that are used again and again; so many that hardly two requests for one meet.
SOME = 1000
COUNTED = 200
DISK_WRITES = 100


@dataclass(frozen=True)
class LinkSample(Sample):
    """What the store had to do besides."""

    store_cpu_microseconds: float = 0


class Measuring:
    """What is asked of whom, and the tokens for that."""

    def __init__(self, folder, object_):
        self.folder, self.object = folder, object_
        self.order = json.dumps({"digest": object_.name})
        # Redemptions per second, by contender.
        self.rates = {}

    def load(self, contender, question, seconds):
        """Loads a contender for some seconds, and stops the run at the first wrong answer."""
        lines = self.lines(contender, question, seconds)
        before = contender.store.cpu_seconds()
        if question is single_use.HEAD:
            result, cpu = self.load_heads(contender, lines, seconds)
        else:
            result, cpu = self.load_others(contender, question, lines, seconds)
        store_cpu = contender.store.cpu_seconds() - before
        requests = result["requests"]
        sample = LinkSample.of(result, cpu, float(requests), failed=0)
        if question is single_use.REDEEM:
            contender.spent[:], contender.fresh[:] = lines[:requests], lines[requests:]
            self.rates[contender.name] = sample.requests_per_second
        return replace(sample, store_cpu_microseconds=store_cpu * 1e6 / requests)

    def lines(self, contender, question, seconds):
        """What follows the path in requests."""
        if question is single_use.SPENT:
            return contender.spent
        if question is single_use.REDEEM:
            # Spare ones, for the case that it is faster this time.
            rate = self.rates.get(contender.name, 1e6)
            self.provide(contender, int(rate * seconds * 1.5), seconds)
            return list(contender.fresh)
        if question in (single_use.HEAD, single_use.FORGED, single_use.GARBAGE):
            self.provide(contender, SOME, seconds)
        if question is single_use.HEAD:
            return contender.fresh[:SOME]
        if question is single_use.FORGED:
            return [single_use.forge(token) for token in contender.fresh[:SOME]]
        if question is single_use.GARBAGE:
            return [single_use.garbage(token) for token in contender.fresh[:SOME]]
        return [""] if question is single_use.ISSUE else [self.object.name]

    def provide(self, contender, wanted, seconds):
        """Sees to it that there are as many fresh tokens as wanted, or as can be made in a time."""
        if len(contender.fresh) < wanted:
            self.issue(contender, [""], seconds, wanted - len(contender.fresh))

    def issue(self, contender, lines, seconds, most):
        made = self.folder / "made"
        result, cpu = self.run(contender, single_use.ISSUE, lines, seconds, self.order, made, most)
        contender.fresh.extend(made.read_text().split())
        return result, cpu

    def load_heads(self, contender, lines, seconds):
        paths = [single_use.LINKS + line for line in lines]
        before = contender.program.cpu_seconds()
        result = heads.load(contender.port, paths, single_use.CONNECTIONS, seconds)
        cpu = contender.program.cpu_seconds() - before
        if result["first_surprise"]:
            raise SystemExit(f"{contender.name} answered HEAD wrongly: {result}")
        return result, cpu

    def load_others(self, contender, question, lines, seconds):
        if question is single_use.ISSUE:
            contender.fresh.clear()
            return self.issue(contender, lines, seconds, 10**9)
        return self.run(contender, question, lines, seconds)

    def run(self, contender, question, lines, seconds, *order):
        """Runs wrk with single_use.lua."""
        file = self.folder / "lines"
        file.write_text("".join(line + "\n" for line in lines))
        often = "once" if question is single_use.REDEEM else "again"
        length = self.object.size if question.status == 200 else "-"
        headers = contender.headers if question.is_authorized else {}
        result, cpu = wrk(
            replace(contender, headers=headers),
            question.path,
            # The script ends it sooner.
            seconds + ANSWER_SECONDS_MAX,
            connections=single_use.CONNECTIONS,
            script=HERE / "single_use.lua",
            arguments=[seconds, question.method, file, often, question.status, length, *order],
        )
        if result["answered_otherwise"] or result["broken"]:
            raise SystemExit(f"{contender.name} answered {question.label} wrongly: {result}")
        result["requests"] = result["answered_right"]
        result["microseconds"] = result["microseconds_loaded"]
        return result, cpu


def check(contender, object_, folder, storage_port):
    """Asks for one of each kind and looks at the answers: a wrong answer can be very cheap."""

    def expect(what, is_right, answer):
        if not is_right:
            raise SystemExit(f"{contender.name}: {what} is answered with {answer}")

    content = (folder / "objects" / "bench" / object_.name).read_bytes()
    status, body = ask(storage_port, "GET", f"/bench/{object_.name}", {"If-Match": '"other"'})
    expect("If-Match of another entity tag, at storage,", status == 412, status)
    token = issue(contender, object_)
    for question, line, right in [
        (single_use.HEAD, token, b""),
        (single_use.FORGED, single_use.forge(token), None),
        (single_use.GARBAGE, single_use.garbage(token), None),
        (single_use.REDEEM, token, content),
        (single_use.SPENT, token, None),
        (single_use.DOWNLOAD, object_.name, content),
        (single_use.REDIRECTED, object_.name, b""),
    ]:
        headers = contender.headers if question.is_authorized else {}
        status, body = ask(contender.port, question.method, question.path + line, headers)
        is_right = status == question.status and right in (None, body)
        expect(question.label, is_right, f"{status} and {len(body)} bytes")


def issue(contender, object_):
    order = json.dumps({"digest": object_.name})
    status, body = ask(contender.port, "POST", single_use.LINKS, contender.headers, order)
    if status != 201:
        raise SystemExit(f"{contender.name}: {status} for an order: {body}")
    return json.loads(body)["token"]


def ask(port, method, path, headers, body=None):
    """One request; status and body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    status, content = answer.status, answer.read()
    connection.close()
    return status, content


def round_trips(contender, object_):
    """How often a Redis hears of a redemption, by its own count, and the commands it carries out.

    One redemption after the other, so that no two share a read. What a replica and the probes of
    connections send is left out, and what counting takes.
    """
    port = contender.store.redis_port
    tokens = [issue(contender, object_) for _ in range(COUNTED)]
    before = redis_info(port, "all")
    for token in tokens:
        status, _ = ask(contender.port, "GET", single_use.LINKS + token, {})
        if status != 200:
            raise SystemExit(f"{contender.name}: {status} for a fresh token")
    after = redis_info(port, "all")

    def calls(info, command):
        return int(info.get(f"cmdstat_{command}", "calls=0").split(",")[0].removeprefix("calls="))

    names = sorted(name.removeprefix("cmdstat_") for name in after if name.startswith("cmdstat_"))
    done = {name: calls(after, name) - calls(before, name) for name in names}
    reads = int(after["total_reads_processed"]) - int(before["total_reads_processed"])
    # The end of the first question, and the second one.
    reads -= 2 + sum(done.pop(name, 0) for name in ("replconf", "ping"))
    done.pop("info", None)
    listed = ", ".join(f"{name} {count / COUNTED:.2f}" for name, count in done.items() if count)
    return reads / COUNTED, listed


def disk_microseconds(folder):
    """What it takes to have 4 KiB on the disk of the folder: the median."""
    took = []
    path = folder / "disk"
    with path.open("wb", buffering=0) as file:
        for _ in range(DISK_WRITES):
            began = time.monotonic()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            took.append((time.monotonic() - began) * 1e6)
    path.unlink()
    return statistics.median(took)
