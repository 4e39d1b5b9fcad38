"""The tables of downloads: one column per size, the best of each peer's variants first."""

from results import Results, duration

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


class DownloadResults(Results):
    """One column per size."""

    reference = "nginx"

    def markdown(self):
        """Costs with their ratio to the best nginx, latencies, then what was wanted."""
        names = list(self.samples)
        lines = ["Processor time per request, in brackets relative to the best nginx:", ""]
        lines += self.table(names, self.cost)
        lines += ["", "p99 of the latency under that load:", ""]
        lines += self.table(names, self.latency)
        lines += ["", *self.verdicts(), ""]
        return "\n".join([*lines, f"Requests that failed: {self.failed()}."])

    def cost(self, name, label):
        cost = self.median(name, label, "cpu_microseconds")
        if cost is None:
            return "-"
        ratio = self.ratio(name, label)
        text = duration(cost) + (f" ({ratio:.2f})" if ratio else "")
        is_best = name == self.best(self.families[name], label)
        return f"**{text}**" if is_best and self.families[name] in ("nginx", "haproxy") else text

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
