"""What there is to measure: each workload's storage, contenders, load and tables."""

import contenders
import measure
import objects
from bench import Bench
from download_results import DownloadResults


class Downloads:
    """Objects of four sizes, beside nginx and HAProxy as plain proxies."""

    programs = ["nginx", "haproxy", "wrk"]
    storage = "storage.conf"
    warm_up_seconds = 1

    def __init__(self, folder, options):
        labels = [label for label in objects.SIZES if label in (options.size or objects.SIZES)]
        self.objects = objects.write(folder, labels)
        checksums = contenders.checksums(self.objects)
        self.bench = Bench(folder, options.threads, CHECKSUMS=checksums)
        self.results = DownloadResults(labels)

    def starters(self, binaries):
        return contenders.starters(self.bench, binaries)

    def turns(self, chosen):
        return [
            (contender, item)
            for item in self.objects
            for contender in chosen
            # Redirects are the same for all sizes.
            if not contender.redirects or item is self.objects[0]
        ]

    def check(self, contender, item):
        measure.check(contender, item)

    def load(self, contender, item, seconds):
        return measure.load(contender, item, seconds)

    def facts(self):
        return {}


WORKLOADS = {"downloads": Downloads}
