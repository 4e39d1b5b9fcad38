"""Requests in pieces on a socket, and interim answers, which Python's own client takes for final."""

import http.client
import socket
import struct
from urllib.parse import urlsplit

from web import Answer


class Exchange:
    """One request on a connection of its own. `length` is that of the body; None: it comes in chunks."""

    def __init__(self, url, method, length=0, **headers):
        parts = urlsplit(url)
        self.method, self.is_chunked, self.interim = method, length is None, []
        self.stream = socket.create_connection((parts.hostname, parts.port), timeout=60)
        self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = self.stream.makefile("rb")
        fields = {"host": parts.netloc, "connection": "close"}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        if length is None:
            fields["transfer-encoding"] = "chunked"
        elif length or method not in ("GET", "HEAD"):
            fields["content-length"] = str(length)
        lines = [f"{method} {parts.path or '/'} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        self.stream.sendall("\r\n".join([*lines, "", ""]).encode())

    def send(self, data):
        """Sends a part of the body. Whoever is refused may be cut off meanwhile, and gets no error:
        the answer is what counts."""
        head, tail = (f"{len(data):x}\r\n".encode(), b"\r\n") if self.is_chunked else (b"", b"")
        try:
            self.stream.sendall(head + data + tail)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def next(self):
        """The next answer, be it interim or final."""
        line = self.input.readline()
        assert line, "the connection ended without an answer"
        status = int(line.split(b" ", 2)[1])
        fields = {name.lower(): value for name, value in http.client.parse_headers(self.input).items()}
        if 100 <= status < 200:
            self.interim.append(Answer(status, fields, b""))
            return self.interim[-1]
        assert "transfer-encoding" not in fields
        has_body = self.method != "HEAD" and status not in (204, 304)
        size = int(fields["content-length"]) if "content-length" in fields else -1
        return Answer(status, fields, self.input.read(size) if has_body else b"")

    def answer(self):
        """The final answer, after what is still to be sent was sent; then the connection is closed.
        `interim` has those before it."""
        if self.is_chunked:
            try:
                self.stream.sendall(b"0\r\n\r\n")
            except (BrokenPipeError, ConnectionResetError):
                pass
        while (answer := self.next()).status < 200:
            pass
        self.close()
        return answer

    def reset(self):
        """Ends the connection as a client does whose network is gone."""
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self.input.close()
        self.stream.close()


def exchange(url, method, body=b"", **headers):
    """One request at once: the final answer, and the interim ones before it."""
    asked = Exchange(url, method, len(body), **headers)
    asked.send(body)
    return asked.answer(), asked.interim
