"""Making a TCP connection within a given time, name lookup included."""

import ipaddress
import queue
import socket
import threading
from collections.abc import Sequence
from typing import Any

from exchange.deadlines import time_left


class DeadlineSocket(socket.socket):
    """A socket on which every single send and receive has the time that the call under way has left, and no
    more.

    requests' own read timeout begins anew with each byte: a server that drips one a second passes it for
    ever.
    """

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Receive, within the call's deadline."""
        self.settimeout(time_left())
        return super().recv_into(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        """Send, within the call's deadline."""
        self.settimeout(time_left())
        return super().send(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        """Send everything, within the call's deadline."""
        self.settimeout(time_left())
        super().sendall(*args, **kwargs)


Addresses = Sequence[tuple[int, int, int, str, Any]]


def connect(host: str, port: int, timeout: float, options: Any) -> DeadlineSocket:
    """A connection to the first of the host's addresses that takes one; OSError (TimeoutError, gaierror) if
    none does.

    The addresses share the time: one that swallows packets leaves something for the next.
    """
    # What connecting must leave of the call's time: looking up the name is paid from the same purse.
    reserve = time_left() - timeout
    addresses = resolve(host, port, timeout)
    failure: OSError = OSError("the name has no address")
    for position, (family, kind, protocol, _, address) in enumerate(addresses):
        connection = DeadlineSocket(family, kind, protocol)
        try:
            share = max(time_left() - reserve, 0.001) / (len(addresses) - position)
            connection.settimeout(share)
            for option in options or ():
                connection.setsockopt(*option)
            connection.connect(address)
            # What is left is for the TLS handshake; each later send and receive sets its own.
            connection.settimeout(max(time_left() - reserve, 0.001))
        except OSError as error:
            connection.close()
            failure = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise failure


def resolve(host: str, port: int, timeout: float) -> Addresses:
    """The host's addresses; TimeoutError when the name server takes too long, socket.gaierror for an unknown
    name.
    """
    if _is_address(host):
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    answers: queue.SimpleQueue[Addresses | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001 - handed to the caller's thread
            answers.put(error)

    # getaddrinfo takes no timeout and cannot be interrupted; left alone, it ends by itself.
    threading.Thread(target=look_up, name="exchange-name-lookup", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise TimeoutError("the name lookup took too long") from None
    if isinstance(answer, UnicodeError):
        raise socket.gaierror(socket.EAI_NONAME, "not a host name")
    if isinstance(answer, Exception):
        raise answer
    return answer


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
