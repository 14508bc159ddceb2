"""Ending a connection without an answer."""

import contextlib
import socket

from django.http import HttpRequest, HttpResponse

from sandbox.answers import failed


def drop_connection(request: HttpRequest) -> HttpResponse:
    """Shut the request's connection; the answer that is returned reaches nobody.

    Only gunicorn hands its socket to the app. Under another server this is a 500 whose sentence says so.
    """
    connection: socket.socket | None = request.META.get("gunicorn.socket")
    if connection is None:
        return failed(500, "Only gunicorn lets a connection be dropped. Start the sandbox with runexchange.")
    with contextlib.suppress(OSError):  # the caller may have hung up first
        connection.shutdown(socket.SHUT_RDWR)
    return HttpResponse()
