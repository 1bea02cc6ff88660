"""Joins standard input and output (one socket, from QEMU) to a port on the loopback. Argument: the port.

Ends when both directions have ended; the end of one direction is passed on and the other goes on, as TCP does it.
"""

import contextlib
import selectors
import socket
import sys


def main(port: int) -> None:
    guest = socket.socket(fileno=0)
    try:
        host = socket.create_connection(("127.0.0.1", port))
    except OSError:
        return  # the guest sees its connection closed, as it would see a server that is down
    other = {guest: host, host: guest}
    selector = selectors.DefaultSelector()
    for end in other:
        selector.register(end, selectors.EVENT_READ)
    while selector.get_map():
        for key, _ in selector.select():
            source = key.fileobj
            assert isinstance(source, socket.socket)
            try:
                data = source.recv(65536)
                other[source].sendall(data)
            except OSError:
                return
            if not data:
                selector.unregister(source)
                with contextlib.suppress(OSError):
                    other[source].shutdown(socket.SHUT_WR)


main(int(sys.argv[1]))
