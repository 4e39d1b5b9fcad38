"""A TCP relay that goes away, comes back, and holds or cuts connections at a chosen point."""

import socket
import struct
import threading
from urllib.parse import urlsplit

BUFFER = 256 * 1024


class Trap:
    """Waits for a request with certain bytes, and holds its connection.

    With `hold="request"` the request does not reach the server before the trap is opened; with
    `hold="answer"` it does, and what the server says to it is kept from the client.
    """

    def __init__(self, needle, hold):
        self.needle, self.hold = needle, hold
        self.caught, self.answered, self.opened = (threading.Event() for _ in range(3))
        self.connection = None

    def wait(self, seconds=30):
        """Waits for the request, and for the answer if that is what is held."""
        assert self.caught.wait(seconds), f"nobody sent {self.needle!r}"
        if self.hold == "answer":
            assert self.answered.wait(seconds), f"nobody answered {self.needle!r}"

    def open(self):
        """Lets everything through that was held, and what follows."""
        self.opened.set()

    def cut(self):
        """Ends the connection. What was held is lost."""
        self.connection.end(reset=True)
        self.opened.set()


class Allowance:
    """How many bytes may go one way before a connection ends; None: any number."""

    def __init__(self):
        self.lock, self.left, self.resets = threading.Lock(), None, True

    def limit(self, size, reset=True):
        with self.lock:
            self.left, self.resets = size, reset

    def take(self, size):
        """How many of so many bytes may go. If not all may, the connection ends, and those after
        it live."""
        with self.lock:
            if self.left is None:
                return size
            self.left -= size
            if self.left > 0:
                return size
            allowed, self.left = size + self.left, None
            # Whoever says nothing more must not leave the connection open.
            return min(allowed, size - 1)


class Connection:
    """One client and the server it speaks to."""

    def __init__(self, relay, client, server):
        self.relay, self.client, self.server = relay, client, server
        self.trap = None
        for stream in (client, server):
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for run in (self.pump_requests, self.pump_answers):
            threading.Thread(target=run, daemon=True).start()

    def pump_requests(self):
        before = b""
        for data in received(self.client):
            trap = self.relay.caught(before, data, self)
            if trap and trap.hold == "request":
                trap.opened.wait()
            before = data
            allowed = self.relay.requests.take(len(data))
            if not sent(self.server, data[:allowed]):
                # It wants no more, but may have answered: who still sends must get to read that.
                for _ in received(self.client):
                    pass
                break
            if allowed < len(data):
                self.end(self.relay.requests.resets)
                return
        shut(self.server)

    def pump_answers(self):
        for data in received(self.server):
            if self.trap and self.trap.hold == "answer":
                self.trap.answered.set()
                self.trap.opened.wait()
            allowed = self.relay.answers.take(len(data))
            if not sent(self.client, data[:allowed]) or allowed < len(data):
                self.end(self.relay.answers.resets)
                return
        shut(self.client)

    def end(self, reset):
        """Closes both sides: with a reset, or as if all had been said."""
        for stream in (self.client, self.server):
            if stream.fileno() < 0:
                continue
            if reset:
                # Closed with nothing to linger for, a socket says RST.
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            shut(stream, socket.SHUT_RD if reset else socket.SHUT_RDWR)
            stream.close()


class Relay:
    """A relay to a server, `host:port` or a URL, on a free port that stays the same."""

    def __init__(self, server):
        self.target = address(server)
        self.port, self.listener, self.acceptor, self.connections = 0, None, None, []
        self.lock, self.traps = threading.Lock(), []
        self.requests, self.answers = Allowance(), Allowance()
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def server(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        """Listens again, where it did before."""
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.acceptor = threading.Thread(target=self.accept, args=(self.listener,), daemon=True)
        self.acceptor.start()

    def stop(self, reset=True):
        """Goes away as a process does that is killed: nobody listens, and all connections end."""
        # Whoever is in accept() keeps the port otherwise.
        shut(self.listener, socket.SHUT_RDWR)
        self.acceptor.join()
        self.listener.close()
        with self.lock:
            connections, self.connections = self.connections, []
        for connection in connections:
            connection.end(reset)

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.target)
            except OSError:
                client.close()
                continue
            with self.lock:
                self.connections.append(Connection(self, client, server))

    def trap(self, needle, hold):
        """Holds the next connection that sends these bytes."""
        self.traps.append(Trap(needle, hold))
        return self.traps[-1]

    def cut_after(self, size, reset=True):
        """Ends a connection once so many bytes of answers went through; those after it live."""
        self.answers.limit(size, reset)

    def cut_requests_after(self, size, reset=True):
        """Ends a connection once so many bytes of requests went through; those after it live."""
        self.requests.limit(size, reset)

    def caught(self, before, data, connection):
        with self.lock:
            for trap in self.traps:
                # It may have come in two pieces.
                start = len(trap.needle) - 1
                if trap.needle in (before[-start:] if start else b"") + data:
                    self.traps.remove(trap)
                    trap.connection, connection.trap = connection, trap
                    trap.caught.set()
                    return trap
        return None


def address(server):
    host, port = (urlsplit(server).netloc or server).rsplit(":", 1)
    return host, int(port)


def received(stream):
    """What comes, until nothing more does."""
    while True:
        try:
            data = stream.recv(BUFFER)
        except OSError:
            return
        if not data:
            return
        yield data


def sent(stream, data):
    try:
        stream.sendall(data)
    except OSError:
        return False
    return True


def shut(stream, how=socket.SHUT_WR):
    try:
        stream.shutdown(how)
    except OSError:
        pass
