"""The Django application, told nothing of how a body calls itself: it is JSON in UTF-8, or refused."""

from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def sandbox_application() -> Application:
    """The sandbox as a WSGI application, for which no Content-Type exists.

    Django decodes even the query by the charset in it, and for one such as rot13 fails before any view.
    """
    django = get_wsgi_application()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ.pop("CONTENT_TYPE", None)
        return django(environ, start_response)

    return application
