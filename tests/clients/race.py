"""Many requests at the same moment, each on a connection of its own."""

import selectors
import socket
import time

from relay import address


class Contender:
    """One request, and the answer to it."""

    def __init__(self, url, head):
        server = address(url)
        path = url.split("/", 3)[3]
        self.stream = socket.create_connection(server, timeout=60)
        self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # All but the last byte; a request begins with it.
        text = f"{head[0]} /{path} HTTP/1.1\r\nHost: {server[0]}:{server[1]}\r\nConnection: close\r\n"
        text += "".join(f"{name}: {value}\r\n" for name, value in head[1].items())
        self.stream.sendall(text.encode() + b"\r")
        self.stream.setblocking(False)
        self.received = bytearray()

    def answer(self):
        """Status and body; None and nothing where there was no answer."""
        head, found, body = bytes(self.received).partition(b"\r\n\r\n")
        return (int(head.split(b" ", 2)[1]), body) if found else (None, b"")


def race(urls, method="GET", headers=None, seconds=60.0):
    """Opens a connection for each URL, and then sends all requests together; returns the answers in
    the same order."""
    contenders = [Contender(url, (method, headers or {})) for url in urls]
    with selectors.DefaultSelector() as selector:
        for contender in contenders:
            selector.register(contender.stream, selectors.EVENT_READ, contender)
        for contender in contenders:
            contender.stream.send(b"\n")
        deadline, left = time.monotonic() + seconds, len(contenders)
        while left and time.monotonic() < deadline:
            for key, _ in selector.select(timeout=1):
                try:
                    data = key.fileobj.recv(1024 * 1024)
                except OSError:
                    data = b""
                key.data.received += data
                if not data:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    left -= 1
    for contender in contenders:
        contender.stream.close()
    assert not left, f"{left} of {len(contenders)} requests had no answer after {seconds} s"
    return [contender.answer() for contender in contenders]
