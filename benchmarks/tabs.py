"""Pages of the dashboard that somebody looks at, in a process of their own: they read all that comes."""

from __future__ import annotations

import selectors
import socket
import sys


def main() -> None:
    port, session, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    watched = selectors.DefaultSelector()
    question = f"GET /api/events HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nx-cliproxyapi-session: {session}\r\n\r\n"
    for _ in range(count):
        tab = socket.create_connection(("127.0.0.1", port))
        tab.sendall(question.encode())
        assert b" 200 " in tab.recv(65536)
        watched.register(tab, selectors.EVENT_READ)
    print("watching", flush=True)
    while True:
        for key, _ in watched.select():
            key.fileobj.recv(1 << 20)


if __name__ == "__main__":
    main()
