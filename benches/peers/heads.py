"""Load of HEAD requests, for which wrk cannot be used: it waits for a body."""

import itertools
import selectors
import socket
import time

ANSWER_BYTES_MAX = 16 * 1024
SILENCE_SECONDS_MAX = 10


def load(port, paths, connections, seconds):
    """Asks for paths in turn for some seconds; what wrk would say of it, and other answers."""
    paths = itertools.cycle(paths)
    latencies, surprises = [], []
    with selectors.DefaultSelector() as selector:
        waiting = {}
        began = time.monotonic()
        for _ in range(connections):
            connection = socket.create_connection(("127.0.0.1", port), timeout=10)
            selector.register(connection, selectors.EVENT_READ)
            waiting[connection] = ask(connection, next(paths))
        while waiting:
            ready = selector.select(SILENCE_SECONDS_MAX)
            if not ready:
                raise SystemExit(f"{len(waiting)} HEAD requests are not answered")
            for key, _ in ready:
                connection = key.fileobj
                answer = connection.recv(ANSWER_BYTES_MAX)
                now = time.monotonic()
                latencies.append(now - waiting[connection])
                # A head of some hundred bytes comes in one piece.
                if not (answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\n")):
                    surprises.append(answer)
                if now - began < seconds and not surprises:
                    waiting[connection] = ask(connection, next(paths))
                    continue
                del waiting[connection]
                selector.unregister(connection)
                connection.close()
    latencies.sort()
    return {
        "requests": len(latencies),
        "microseconds": (time.monotonic() - began) * 1e6,
        "p50": round(latencies[len(latencies) // 2] * 1e6),
        "p99": round(latencies[len(latencies) * 99 // 100] * 1e6),
        "first_surprise": surprises[0].decode("latin-1") if surprises else "",
    }


def ask(connection, path):
    """Sends a request; when that was."""
    connection.sendall(f"HEAD {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return time.monotonic()
