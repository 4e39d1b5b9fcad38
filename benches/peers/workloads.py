"""What there is to measure: each workload's storage, contenders, load and tables."""

import cache
import cache_measure
import contenders
import measure
import objects
import turborepo_remote_cache
from bench import Bench
from cache_results import CacheResults
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


class Cache:
    """What builds ask of a remote cache, beside turborepo-remote-cache."""

    programs = ["nginx", "wrk", "node", "npm"]
    storage = "cache.conf"
    # JavaScript is compiled as it runs.
    warm_up_seconds = 5

    def __init__(self, folder, options):
        turborepo_remote_cache.install()
        cache.write_objects(folder)
        self.bench = Bench(folder, options.threads)
        self.results = CacheResults([mix.label for mix in cache.MIXES])

    def starters(self, binaries):
        return cache.starters(self.bench, binaries)

    def turns(self, chosen):
        return [(contender, mix) for mix in cache.MIXES for contender in chosen]

    def check(self, contender, mix):
        # One look at all kinds of requests is enough.
        if mix is cache.MIXES[0]:
            cache_measure.check(contender, self.bench.folder)

    def load(self, contender, mix, seconds):
        return cache_measure.load(contender, mix, self.bench.folder, seconds)

    def facts(self):
        return {
            name: turborepo_remote_cache.version(name)
            for name in (turborepo_remote_cache.NAME, "@aws-sdk/client-s3")
        }


WORKLOADS = {"downloads": Downloads, "cache": Cache}
