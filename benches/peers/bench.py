"""One run's folder, ports, secrets and configuration files."""

import secrets
from pathlib import Path

from processes import Program, free_ports
from tokens import hs256_token

HERE = Path(__file__).resolve().parent


class Bench:
    """What all contenders of a run share: the storage, and where their files go."""

    def __init__(self, folder, threads, **values):
        self.folder, self.threads = folder, threads
        self.storage_port, *self.ports = free_ports(64)
        self.values = {
            "FOLDER": folder,
            "THREADS": threads,
            "STORAGE_PORT": self.storage_port,
            **values,
        }
        self.jwt_secret = secrets.token_hex(32)
        self.running = []

    def run(self, program):
        """Waits until a program serves; it is ended with the others."""
        self.running.append(program)
        program.wait_until_it_serves()
        return program

    def stop(self):
        """Ends all programs, the last one first."""
        while self.running:
            self.running.pop().stop()

    def configuration(self, template, name, **values):
        """Fills in a template; the file it became."""
        text = (HERE / template).read_text()
        for key, value in {**self.values, **values}.items():
            text = text.replace(f"@{key}@", str(value))
        path = self.folder / name
        path.write_text(text)
        return path

    def nginx(self, name, template, ports, **values):
        """An nginx that serves these ports."""
        file = self.configuration(template, f"{name}.conf", **values)
        command = ["nginx", "-c", file, "-p", self.folder, "-e", self.folder / f"{name}.log"]
        return Program(name, command, ports, self.folder)

    def storage(self, template):
        """The server that every contender talks to."""
        return self.nginx("storage", template, [self.storage_port])

    def casgate(self, name, binary, template, *, access_log, claims, environment=None, **values):
        """A gateway, its port, and the headers of those who may use it."""
        port = self.ports.pop()
        values |= {"PORT": port, "ACCESS_LOG": str(access_log).lower()}
        file = self.configuration(template, f"{name}.yaml", **values)
        environment = {
            "TOKIO_WORKER_THREADS": str(self.threads),
            "AWS_ACCESS_KEY_ID": "AKIABENCH",
            "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
            "BENCH_JWT_SECRET": self.jwt_secret,
            **(environment or {}),
        }
        program = Program(name, [binary, "run", file], [port], self.folder, environment)
        token = hs256_token(self.jwt_secret, claims)
        return program, port, {"Authorization": f"Bearer {token}"}
