"""What every endpoint does around its views: method, refusal, and what the request came with."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from sandbox.answers import failed, refused
from sandbox.refusals import Refusal


class ExchangeRequest(HttpRequest):
    """A request after the middleware: `core_only` says whether the Exchange shall do without extensions."""

    core_only: bool


View = Callable[[ExchangeRequest], HttpResponseBase]


def endpoint(**views: View) -> View:
    """One path's views by method, as in `endpoint(GET=list_services, POST=publish_service)`.

    Another method is answered with 405 and Allow; HEAD is a GET whose body the server leaves out.
    """
    if "GET" in views:
        views["HEAD"] = views["GET"]

    def dispatch(request: ExchangeRequest) -> HttpResponseBase:
        view = views.get(request.method or "")
        if view is None:
            allowed = ", ".join(sorted(views))
            sentence = f"{request.method} is not for {request.path}; use {allowed}."
            return failed(405, sentence, {"Allow": allowed})
        try:
            return view(request)
        except Refusal as refusal:
            return refused(refusal)

    return dispatch
