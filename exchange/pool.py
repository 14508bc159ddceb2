"""Which connections a call uses: kept alive and shared between threads, or a fresh one of its own."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from exchange.adapter import DeadlineAdapter, tls_context

# More threads than this at once is fine: their connections are then closed after use instead of kept.
_KEPT_CONNECTIONS = 32


class AdapterPool:
    """The connections of one client."""

    def __init__(self, base_url: str, ca_bundle: str | None = None) -> None:
        self._context: ssl.SSLContext | None = (
            tls_context(ca_bundle) if base_url.startswith("https:") else None
        )
        self._owner = os.getpid()
        self._shared = self._make(_KEPT_CONNECTIONS)

    @contextmanager
    def adapter(self, *, fresh: bool) -> Iterator[DeadlineAdapter]:
        """An adapter for one attempt. A fresh one has no connection that the server may have closed
        meanwhile.
        """
        if not fresh:
            yield self._kept()
            return
        adapter = self._make(1)
        try:
            yield adapter
        finally:
            adapter.close()

    def close(self) -> None:
        """Close the connections that are idle."""
        self._shared.close()

    def _kept(self) -> DeadlineAdapter:
        # After a fork the parent's connections must not be written to by two processes.
        if self._owner != os.getpid():
            self._owner, self._shared = os.getpid(), self._make(_KEPT_CONNECTIONS)
        return self._shared

    def _make(self, size: int) -> DeadlineAdapter:
        return DeadlineAdapter(self._context, size)
