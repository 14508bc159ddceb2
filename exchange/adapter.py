"""requests' transport, on sockets that keep the deadline of the call under way."""

import socket
import ssl
from typing import Any

from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from exchange.connecting import DeadlineSocket, connect
from exchange.deadlines import current_scope, time_left


class DeadlineTLSSocket(DeadlineSocket, ssl.SSLSocket):
    """The same over TLS."""


class DeadlineHTTPConnection(HTTPConnection):
    """A connection that notes when it could not be made: only then is it certain that nothing was sent."""

    def connect(self) -> None:
        """Connect, TLS handshake included."""
        try:
            super().connect()
        except BaseException:
            current_scope().connect_failed = True
            raise

    def _new_conn(self) -> socket.socket:
        timeout = min(current_scope().connect_timeout, time_left())
        # urllib3 tells its pool and requests what happened by these three.
        try:
            return connect(self._dns_host.strip("[]"), self.port, timeout, self.socket_options)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "timed out") from error
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error


class DeadlineHTTPSConnection(DeadlineHTTPConnection, HTTPSConnection):
    """The same over TLS."""


class DeadlineHTTPPool(HTTPConnectionPool):
    """Keeps connections alive between calls."""

    ConnectionCls = DeadlineHTTPConnection


class DeadlineHTTPSPool(HTTPSConnectionPool):
    """The same over TLS."""

    ConnectionCls = DeadlineHTTPSConnection


def tls_context(ca_bundle: str | None = None) -> ssl.SSLContext:
    """Trust in the given bundle of certificates, or in those that come with requests; never in the
    environment's.
    """
    context = ssl.create_default_context(cafile=ca_bundle or DEFAULT_CA_BUNDLE_PATH)
    context.sslsocket_class = DeadlineTLSSocket
    return context


class DeadlineAdapter(HTTPAdapter):
    """Safe to share between threads, as urllib3's pools are.

    It is used without a requests.Session: no cookies, no proxies or passwords from the environment, no
    redirects.
    """

    def __init__(self, context: ssl.SSLContext | None, pool_size: int) -> None:
        self._context = context
        super().__init__(pool_connections=1, pool_maxsize=pool_size)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        """Make the pools of our own kind."""
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._context, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": DeadlineHTTPPool, "https": DeadlineHTTPSPool}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave it to the context, which verifies: requests would load its bundle for each connection."""
        conn.cert_reqs = "CERT_REQUIRED"
