"""Clients of graphs that take nothing: the blocks they keep in memory are no reason to refuse others."""

import socket
from urllib.parse import urlsplit

from caches import issuers
from contents import written
from kubo import Kubo, arg, kubo_route
from process import resident

MIB = 1024**2
# With a block of 1 MiB each, and those ahead, they want several times the memory for blocks.
CLIENTS = 300
MEMORY_MAX = 800 * MIB


def test_clients_who_read_nothing_do_not_keep_others_from_reading(embedded, serve, tmp_path):
    gateway = serve(embedded, [kubo_route("/", add="blocks")], issuers=issuers(tmp_path))
    kubo = Kubo(gateway.url)
    large = kubo.add(written(tmp_path, 12 * MIB), chunker="size-1048576")
    small = written(tmp_path, 300_000)
    cid = kubo.add(small)
    address = urlsplit(gateway.url)
    idle = []
    try:
        for _ in range(CLIENTS):
            client = socket.socket()
            idle.append(client)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((address.hostname, address.port))
            client.sendall(
                f"POST /api/v0/cat?{arg(large)} HTTP/1.1\r\nHost: gateway\r\n"
                f"Authorization: Bearer {kubo.token}\r\nContent-Length: 0\r\n\r\n".encode()
            )
        for client in idle:
            client.settimeout(60)
            # All of them are being answered, or were given up.
            client.recv(1, socket.MSG_PEEK)
        for _ in range(5):
            assert kubo.post(f"cat?{arg(cid)}").ok() == small.read_bytes()
        assert resident(gateway, "VmHWM") < MEMORY_MAX
    finally:
        for client in idle:
            client.close()
