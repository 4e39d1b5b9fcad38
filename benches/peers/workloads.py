"""What there is to measure: each workload's storage, contenders, load and tables."""

import cache
import cache_measure
import contenders
import measure
import objects
import single_use
import single_use_measure
import turborepo_remote_cache
from bench import Bench
from cache_results import CacheResults
from download_results import DownloadResults
from single_use_results import SingleUseResults


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


class Tokens:
    """Single-use links of one small object, by where their uses are written down."""

    programs = ["nginx", "redis-server", "wrk"]
    storage = "storage.conf"
    warm_up_seconds = 1

    def __init__(self, folder, options):
        self.object = single_use.write_object(folder)
        checksums = contenders.checksums([self.object])
        self.bench = Bench(folder, options.threads, CHECKSUMS=checksums)
        self.results = SingleUseResults()
        self.measuring = single_use_measure.Measuring(folder, self.object)
        self.disk_microseconds = single_use_measure.disk_microseconds(folder)

    def starters(self, binaries):
        return single_use.starters(self.bench, binaries)

    def turns(self, chosen):
        return single_use.turns(chosen)

    def check(self, contender, question):
        # One look at all kinds of requests is enough.
        if question is not single_use.HEAD:
            return
        storage_port = self.bench.storage_port
        single_use_measure.check(contender, self.object, self.bench.folder, storage_port)
        if contender.store.redis_port:
            count = single_use_measure.round_trips(contender, self.object)
            self.results.round_trips[contender.name] = count

    def load(self, contender, question, seconds):
        return self.measuring.load(contender, question, seconds)

    def facts(self):
        return {"4 KiB onto the disk (fdatasync)": f"{self.disk_microseconds:.0f} us"}


WORKLOADS = {"downloads": Downloads, "cache": Cache, "tokens": Tokens}
