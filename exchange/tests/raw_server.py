"""A server on loopback that says exactly what a test wants said, byte by byte, however wrong."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Handler = Callable[[socket.socket, "RawServer"], None]


class RawServer:
    """Hands each connection to `handler`, in a thread of its own, after the request has been read."""

    def __init__(
        self, handler: Handler, context: ssl.SSLContext | None = None, *, read_first: bool = True
    ) -> None:
        self._handler = handler
        self._context = context
        self._read_first = read_first
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._connections: list[socket.socket] = []
        self.requests: list[bytes] = []
        self.connection_count = 0
        # Set when the test is over: a dripping handler stops at once instead of keeping the run waiting.
        self.over = threading.Event()
        scheme = "https" if context else "http"
        self.url = f"{scheme}://localhost:{self._listener.getsockname()[1]}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def read_request(self, connection: socket.socket) -> bytes:
        """One whole request; b"" when the client has hung up."""
        data = b""
        while b"\r\n\r\n" not in data:
            if not (piece := connection.recv(65536)):
                return b""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ),
            0,
        )
        while len(body) < length and (piece := connection.recv(65536)):
            body += piece
        self.requests.append(head + b"\r\n\r\n" + body)
        return self.requests[-1]

    def drip(self, connection: socket.socket, data: bytes, interval: float = 0.05) -> None:
        """Send byte by byte until the client has had enough."""
        for byte in data:
            if self.over.wait(interval):
                return
            connection.sendall(bytes([byte]))

    def stop(self) -> None:
        self.over.set()
        # Closing alone does not wake a thread that waits in accept or recv.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in [self._acceptor, *self._threads]:
            thread.join(timeout=10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connection_count += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        # The client hangs up in the middle of things: that is the point of these tests.
        with suppress(OSError):
            connection = self._context.wrap_socket(plain, server_side=True) if self._context else plain
            self._connections.append(connection)
            with connection:
                if not self._read_first or self.read_request(connection):
                    self._handler(connection, self)
        plain.close()


@contextmanager
def raw_server(
    handler: Handler, context: ssl.SSLContext | None = None, *, read_first: bool = True
) -> Iterator[RawServer]:
    """The server, running; stopped when the block ends."""
    server = RawServer(handler, context, read_first=read_first)
    try:
        yield server
    finally:
        server.stop()


def http(status: int, body: bytes = b"", *headers: str) -> bytes:
    """A well-formed answer."""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
