"""The samples of a run, and what tables are made of."""

import statistics


class Results:
    """The samples of a workload, by contender and column."""

    # The family whose best row the others are compared to.
    reference = None

    def __init__(self, columns):
        self.columns = columns
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
        """The variant of a peer that takes the least processor time for a column."""
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
                for label, samples in by_column.items()
            }
            for name, by_column in self.samples.items()
        }

    def failed(self):
        """How many requests failed in all rounds."""
        return sum(
            sample.failed
            for by_column in self.samples.values()
            for samples in by_column.values()
            for sample in samples
        )

    def ratio(self, name, label):
        """Processor time per request relative to the best row of the reference."""
        reference = self.best(self.reference, label)
        if reference is None:
            return None
        cost = self.median(name, label, "cpu_microseconds")
        return cost / self.median(reference, label, "cpu_microseconds")

    def table(self, names, cell):
        lines = ["| | " + " | ".join(self.columns) + " |", "|---|" + "---:|" * len(self.columns)]
        for name in names:
            cells = [cell(name, label) for label in self.columns]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        return lines

    def latency(self, name, label):
        latency = self.median(name, label, "p99_microseconds")
        return "-" if latency is None else duration(latency)


def duration(microseconds):
    """Three digits are more than the spread allows."""
    if microseconds < 1000:
        return f"{microseconds:.1f} us" if microseconds < 100 else f"{microseconds:.0f} us"
    return f"{microseconds / 1000:.2f} ms" if microseconds < 1e5 else f"{microseconds / 1000:.0f} ms"
