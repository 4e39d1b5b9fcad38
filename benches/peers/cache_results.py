"""The tables of the cache workload: requests per second of processor time."""

import turborepo_remote_cache
from results import Results

# The mix, against the best row of turborepo-remote-cache of the same run: the least that is wanted.
WANTED = 5


class CacheResults(Results):
    """One column per mix."""

    reference = turborepo_remote_cache.NAME

    def markdown(self):
        """What a second of processor time is good for, rates, latencies, and what was wanted."""
        names = list(self.samples)
        lines = [f"Requests per CPU-second, in brackets relative to the best {self.reference}:", ""]
        lines += self.table(names, self.per_cpu_second)
        lines += ["", "Requests per second of wall-clock time under that load:", ""]
        lines += self.table(names, self.rate)
        lines += ["", "p99 of the latency under that load:", ""]
        lines += self.table(names, self.latency)
        lines += ["", *self.verdict()]
        return "\n".join(lines)

    def per_cpu_second(self, name, label):
        cost = self.median(name, label, "cpu_microseconds")
        if cost is None:
            return "-"
        ratio = self.ratio(name, label)
        text = f"{1e6 / cost:,.0f}" + (f" ({1 / ratio:.2f})" if ratio else "")
        is_reference = name == self.best(self.reference, label)
        return f"**{text}**" if is_reference else text

    def rate(self, name, label):
        rate = self.median(name, label, "requests_per_second")
        return "-" if rate is None else f"{rate:,.0f}"

    def verdict(self):
        label = self.columns[0]
        if self.median("casgate", label, "cpu_microseconds") is None:
            return []
        ratio = self.ratio("casgate", label)
        if ratio is None:
            return []
        word = "reached" if 1 / ratio >= WANTED else "not reached"
        return [f"- {label}: {1 / ratio:.2f}, wanted at least {WANTED}: {word}"]
