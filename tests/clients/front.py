"""What stands before replicas: one address, each request to the next replica, and faults at will."""

import http.client
import itertools
import re
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from relay import address

PIECE = 64 * 1024
# Headers that are about one connection.
HOP = ("connection", "keep-alive", "transfer-encoding")
# When something happens to a request: before the server hears of it, with half of its body sent, with
# all of it sent, and when the server begins to answer; or with half of the answer's body passed on.
MOMENTS = ("request", "body", "sent", "answered", "answer")


class Cut(Exception):
    """The connections of a request end at once, that to the server and that to the client."""


class Reset(Cut):
    """So do they here; the other sides are told by a reset."""


def cut():
    raise Cut


def reset():
    raise Reset


@dataclass
class Asked:
    """A request, and the status of the answer to it as soon as there is one."""

    method: str
    path: str
    size: int
    status: int | None = None

    def __str__(self):
        return f"{self.method} {self.path}"


@dataclass
class Fault:
    """Something that happens once, to a request among those whose `METHOD /path` is like this."""

    pattern: str
    number: int
    moment: str
    action: Callable
    happened: bool = False

    def is_due(self, asked, moment):
        """Whether this is the request, and the moment; it happens then."""
        if self.happened or moment != self.moment or not re.search(self.pattern, str(asked)):
            return False
        self.number -= 1
        self.happened = self.number < 0
        return self.happened


class Front:
    """An address before servers that are given by their URLs; keeps count of what was asked."""

    def __init__(self, *servers):
        self.servers = [address(server) for server in servers]
        self.turns, self.lock = itertools.count(), threading.Lock()
        self.asked, self.faults = [], []
        self.listener = ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
        self.listener.daemon_threads, self.listener.front = True, self
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.listener.server_address[1]}"

    def stop(self):
        self.listener.shutdown()
        self.listener.server_close()

    def at(self, moment, pattern="", number=0, action=cut):
        """Something to happen at a moment of the request, counted from 0, that is like a pattern."""
        assert moment in MOMENTS
        self.faults = [fault for fault in self.faults if not fault.happened]
        self.faults.append(Fault(pattern, number, moment, action))
        return self.faults[-1]

    def clear(self):
        """Forgets what was asked, and what was to happen."""
        self.asked, self.faults = [], []

    def like(self, pattern):
        """The requests whose `METHOD /path` is like this."""
        return [asked for asked in self.asked if re.search(pattern, str(asked))]

    def connect(self):
        """A connection to the next server that listens; none if there is none."""
        first = next(self.turns)
        for server in range(first, first + len(self.servers)):
            connection = http.client.HTTPConnection(*self.servers[server % len(self.servers)], timeout=300)
            try:
                connection.connect()
            except OSError:
                continue
            return connection
        return None

    def meet(self, asked, moment):
        with self.lock:
            due = [fault for fault in self.faults if fault.is_due(asked, moment)]
        for fault in due:
            fault.action()


class Exchange(BaseHTTPRequestHandler):
    """One connection of a client; each of its requests has a connection of its own to a server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def exchange(self):
        size = int(self.headers.get("content-length") or 0)
        front, asked = self.server.front, Asked(self.command, self.path, size)
        front.asked.append(asked)
        connection = None
        try:
            front.meet(asked, "request")
            connection = front.connect()
            answer = self.forward(connection, asked)
            if answer:
                front.meet(asked, "answered")
                self.give_back(answer, asked)
            else:
                self.refuse(502)
        except (Cut, OSError, http.client.HTTPException) as error:
            self.close_connection = True
            if isinstance(error, Reset):
                reset_at_end(self.connection)
                reset_at_end(connection and connection.sock)
        finally:
            if connection:
                connection.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = exchange

    def forward(self, connection, asked):
        """The server's answer; none if there is no server, or if it went away instead."""
        hears = connection is not None and attempted(lambda: self.send_head(connection, asked))
        sent = 0
        while sent < asked.size:
            end = asked.size // 2 if sent < asked.size // 2 else asked.size
            data = self.rfile.read(min(PIECE, end - sent))
            if not data:
                raise Cut
            sent += len(data)
            # One that answered early, or went away, does not want the rest.
            hears = hears and attempted(lambda data=data: connection.send(data))
            if sent == asked.size // 2:
                self.server.front.meet(asked, "body")
        if connection is None:
            return None
        self.server.front.meet(asked, "sent")
        try:
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException):
            return None
        asked.status = answer.status
        return answer

    def send_head(self, connection, asked):
        connection.putrequest(asked.method, asked.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP:
                connection.putheader(name, value)
        connection.endheaders()

    def give_back(self, answer, asked):
        """Passes an answer on; one whose end cannot be told beforehand ends with the connection."""
        left = answer.length
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP:
                self.send_header(name, value)
        if left is None:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        half, passed = PIECE if left is None else left // 2, 0
        while data := answer.read(min(PIECE, half - passed) if passed < half else PIECE):
            self.wfile.write(data)
            passed += len(data)
            if passed == half:
                self.server.front.meet(asked, "answer")
        if left is not None and passed < left:
            raise Cut

    def refuse(self, status):
        self.send_response_only(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Says nothing."""


def reset_at_end(stream):
    """Makes a connection end with a reset."""
    if stream:
        # Closed with nothing to linger for, a socket says RST.
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def attempted(action):
    """Whether the other side was there for it."""
    try:
        action()
    except OSError:
        return False
    return True
