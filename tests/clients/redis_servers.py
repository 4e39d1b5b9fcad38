"""Redis servers, and a primary with a replica that sentinels watch."""

import itertools
import signal
import socket
import subprocess

from process import Process, eventually

numbers = itertools.count()
# What else servers do to keep what they were told; by itself, nothing.
KEPT = {
    "memory": (),
    "everysec": ("--appendonly", "yes", "--appendfsync", "everysec"),
    "always": ("--appendonly", "yes", "--appendfsync", "always"),
}


def free_port():
    """A port nobody listened on a moment ago. Redis takes no port 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Redis:
    """A server on loopback that can be killed and started again with what it kept."""

    program = "redis-server"

    def __init__(self, folder, *settings):
        self.folder = folder / f"redis-{next(numbers)}"
        self.folder.mkdir(parents=True)
        self.port, self.process = free_port(), None
        self.settings = ("--save", "", "--repl-diskless-sync-delay", "0", *settings)
        self.start()

    @property
    def server(self):
        return f"127.0.0.1:{self.port}"

    def command_line(self):
        own = ("--port", self.port, "--bind", "127.0.0.1", "--dir", self.folder)
        return (self.program, *own, *self.settings)

    def start(self, *settings):
        command = (*self.command_line(), *settings)
        self.process = Process(self.folder / f"run-{next(numbers)}", *command)
        eventually(lambda: self.ask("PING") == "PONG", what=f"{self.program} on port {self.port}")

    def ask(self, *words):
        """What redis-cli prints for a command."""
        command = ["redis-cli", "-h", "127.0.0.1", "-p", str(self.port), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        return done.stdout.strip()

    def pause(self):
        """Stops it in the middle of whatever it does; its sockets still take what is sent."""
        self.process.child.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.child.send_signal(signal.SIGCONT)

    def stop(self):
        """Ends it as kill -9 does."""
        self.process.stop()


class Sentinel(Redis):
    """Watches a primary."""

    program = "redis-sentinel"

    def __init__(self, folder, primary):
        self.primary = primary
        super().__init__(folder)

    def command_line(self):
        file = self.folder / "sentinel.conf"
        if not file.exists():
            file.write_text(
                f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
                f"sentinel monitor casgate 127.0.0.1 {self.primary.port} 2\n"
                "sentinel down-after-milliseconds casgate 1000\n"
                "sentinel failover-timeout casgate 3000\n"
            )
        return (self.program, file)


class Group:
    """A primary, its replica, and three sentinels."""

    def __init__(self, folder):
        primary = Redis(folder)
        self.allow_replication(primary)
        login = ("--masteruser", "replica", "--masterauth", "secret")
        replica = Redis(folder, "--replicaof", "127.0.0.1", primary.port, *login)
        self.servers = [primary, replica]
        eventually(self.is_replicated, what="the first synchronisation")
        self.sentinels = [Sentinel(folder, self.servers[0]) for _ in range(3)]
        eventually(lambda: all(map(self.is_watched_by, self.sentinels)), what="the sentinels")

    @staticmethod
    def allow_replication(server):
        """Lets the second server be its replica."""
        server.ask("ACL", "SETUSER", "replica", "on", ">secret", "+@all")

    def cut_replication(self):
        """From now on the replica hears nothing from the primary."""
        self.servers[0].ask("ACL", "SETUSER", "replica", "off")
        self.servers[0].ask("CLIENT", "KILL", "TYPE", "replica")

    def is_replicated(self):
        return "master_link_status:up" in self.servers[1].ask("INFO", "replication")

    @staticmethod
    def is_watched_by(sentinel):
        """Whether it knows the replica and the other sentinels."""
        facts = sentinel.ask("SENTINEL", "MASTER", "casgate").splitlines()
        facts = dict(zip(facts[::2], facts[1::2]))
        return (facts.get("num-slaves"), facts.get("num-other-sentinels")) == ("1", "2")

    def primary(self):
        """The port of the primary, as the first sentinel knows it."""
        found = self.sentinels[0].ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "casgate").split()
        return int(found[1])

    def has_failed_over(self):
        replica = self.servers[1]
        return self.primary() == replica.port and replica.ask("ROLE").startswith("master")

    def stop(self):
        for server in self.sentinels + self.servers:
            server.stop()
