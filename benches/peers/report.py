"""The tables: one column per size, the best of each peer's variants first."""

import os
import platform
import statistics
import subprocess
from pathlib import Path

# CPU per request against the best nginx of the same run: the most that is wanted.
WANTED = {
    ("plain", "1 KiB"): 1.6,
    ("plain", "64 KiB"): 1.1,
    ("plain", "1 MiB"): 0.8,
    ("plain", "100 MiB"): 0.8,
    ("verified", "1 MiB"): 1.5,
    ("verified", "100 MiB"): 1.5,
    ("remembered", "1 KiB"): 0.7,
}


class Results:
    """The samples of a run, by contender and size."""

    def __init__(self, sizes):
        self.sizes = sizes
        self.samples = {}
        self.families = {}

    def add(self, contender, label, sample):
        self.families[contender.name] = contender.family
        self.samples.setdefault(contender.name, {}).setdefault(label, []).append(sample)

    def median(self, name, label, what):
        """The median over the rounds; None where it was not measured."""
        samples = self.samples.get(name, {}).get(label)
        if not samples:
            return None
        return statistics.median(getattr(sample, what) for sample in samples)

    def best(self, family, label):
        """The variant of a peer that takes the least processor time for a size."""
        costs = {
            name: self.median(name, label, "cpu_microseconds")
            for name, its_family in self.families.items()
            if its_family == family
        }
        costs = {name: cost for name, cost in costs.items() if cost is not None}
        return min(costs, key=costs.get) if costs else None

    def as_dict(self):
        return {
            name: {
                label: {
                    "median": {
                        what: self.median(name, label, what) for what in samples[0].as_dict()
                    },
                    "rounds": [sample.as_dict() for sample in samples],
                }
                for label, samples in by_size.items()
            }
            for name, by_size in self.samples.items()
        }

    def markdown(self):
        """Costs with their ratio to the best nginx, latencies, then what was wanted."""
        names = list(self.samples)
        lines = ["Processor time per request, in brackets relative to the best nginx:", ""]
        lines += self.table(names, self.cost)
        lines += ["", "p99 of the latency under that load:", ""]
        lines += self.table(names, self.latency)
        lines += ["", *self.verdicts(), ""]
        failed = sum(
            sample.failed
            for by_size in self.samples.values()
            for samples in by_size.values()
            for sample in samples
        )
        return "\n".join([*lines, f"Requests that failed: {failed}."])

    def table(self, names, cell):
        lines = ["| | " + " | ".join(self.sizes) + " |", "|---|" + "---:|" * len(self.sizes)]
        for name in names:
            cells = [cell(name, label) for label in self.sizes]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        return lines

    def cost(self, name, label):
        cost = self.median(name, label, "cpu_microseconds")
        if cost is None:
            return "-"
        ratio = self.ratio(name, label)
        text = duration(cost) + (f" ({ratio:.2f})" if ratio else "")
        is_best = name == self.best(self.families[name], label)
        return f"**{text}**" if is_best and self.families[name] in ("nginx", "haproxy") else text

    def latency(self, name, label):
        latency = self.median(name, label, "p99_microseconds")
        return "-" if latency is None else duration(latency)

    def ratio(self, name, label):
        """Cost relative to the best nginx."""
        reference = self.best("nginx", label)
        if reference is None:
            return None
        cost = self.median(name, label, "cpu_microseconds")
        return cost / self.median(reference, label, "cpu_microseconds")

    def verdicts(self):
        lines = []
        for (how, label), most in WANTED.items():
            name = f"casgate {how}"
            if self.median(name, label, "cpu_microseconds") is None:
                continue
            ratio = self.ratio(name, label)
            if ratio is not None:
                word = "reached" if ratio <= most else "not reached"
                lines.append(f"- {how}, {label}: {ratio:.2f}, wanted at most {most}: {word}")
        return lines


def duration(microseconds):
    """Three digits are more than the spread allows."""
    if microseconds < 1000:
        return f"{microseconds:.1f} us" if microseconds < 100 else f"{microseconds:.0f} us"
    return f"{microseconds / 1000:.2f} ms" if microseconds < 1e5 else f"{microseconds / 1000:.0f} ms"


def machine():
    """What the numbers were taken with."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "nginx": version("nginx", "-v"),
        "haproxy": version("haproxy", "-v"),
        "wrk": version("wrk", "-v"),
        "rustc": version("rustc", "-V"),
        "commit": version("git", "describe", "--always", "--dirty"),
        "load average before": os.getloadavg()[0],
    }


def version(*command):
    """The first line a program says of itself."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return "unknown"
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"
