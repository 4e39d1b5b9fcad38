"""The tables of the tokens workload: one column per kind of request."""

import single_use
from results import Results, duration

# Processor time of a forged token against that of a redirect of the same run: the most wanted.
FORGED_WANTED = 2
# Before the first byte of a redemption.
ROUND_TRIPS_WANTED = 2


class SingleUseResults(Results):
    """One column per kind of request."""

    def __init__(self):
        super().__init__([question.label for question in single_use.QUESTIONS])
        # Of each Redis, with the commands, by contender.
        self.round_trips = {}

    def markdown(self):
        """Costs of the gateway and of the store, rates, latencies, and what was wanted."""
        names = list(self.samples)
        lines = ["Processor time of the gateway per request:", ""]
        lines += self.table(names, self.cost)
        lines += ["", "Processor time of the store per request:", ""]
        lines += self.table(names, self.store_cost)
        lines += ["", "Requests per second of wall-clock time under that load:", ""]
        lines += self.table(names, self.rate)
        lines += ["", "p99 of the latency under that load:", ""]
        lines += self.table(names, self.latency)
        return "\n".join([*lines, "", *self.verdicts()])

    def cost(self, name, label):
        cost = self.median(name, label, "cpu_microseconds")
        return "-" if cost is None else duration(cost)

    def store_cost(self, name, label):
        cost = self.median(name, label, "store_cpu_microseconds")
        return duration(cost) if cost else "-"

    def rate(self, name, label):
        rate = self.median(name, label, "requests_per_second")
        return "-" if rate is None else f"{rate:,.0f}"

    def verdicts(self):
        lines = []
        redirect = single_use.REDIRECTED.label
        for name in self.samples:
            reference = self.median(name, redirect, "cpu_microseconds")
            for question in (single_use.FORGED, single_use.GARBAGE):
                cost = self.median(name, question.label, "cpu_microseconds")
                if cost is not None and reference:
                    ratio = cost / reference
                    text = f"- {name}: {question.label} takes {ratio:.2f} of a redirect"
                    lines.append(text + verdict(ratio, FORGED_WANTED))
        for name, (count, commands) in self.round_trips.items():
            text = f"- {name}: {count:.2f} round trips per redemption ({commands})"
            lines.append(text + verdict(count, ROUND_TRIPS_WANTED))
        return lines


def verdict(value, most):
    word = "reached" if round(value, 2) <= most else "not reached"
    return f", wanted at most {most}: {word}"
