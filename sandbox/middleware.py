"""Around every request: its identifier, and the misbehaviour that is in force."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from sandbox import faults
from sandbox.answers import failed
from sandbox.dropping import drop_connection
from sandbox.endpoints import ExchangeRequest

GetAnswer = Callable[[HttpRequest], HttpResponseBase]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADER = "X-Request-ID"

logger = logging.getLogger(__name__)


def finish_answers(get_answer: GetAnswer) -> GetAnswer:
    """Length, nothing but headers for HEAD, and X-Request-ID: the caller's, where sensible. An extension."""

    def finished(request: HttpRequest) -> HttpResponseBase:
        sent = request.headers.get(_HEADER, "")
        answer = get_answer(request)
        if not getattr(request, "core_only", False):
            answer[_HEADER] = sent if _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
        if isinstance(answer, HttpResponse) and answer.status_code != HTTPStatus.NOT_MODIFIED:
            answer["Content-Length"] = str(len(answer.content))
            if request.method == "HEAD":
                answer.content = b""
        return answer

    return finished


def misbehave(get_answer: GetAnswer) -> GetAnswer:
    """Every fault but those of the control endpoint, by which they are taken away again."""

    def misbehaving(request: HttpRequest) -> HttpResponseBase:
        request = cast("ExchangeRequest", request)
        request.core_only = False
        if request.path.startswith("/_control/"):
            return get_answer(request)
        in_force = faults.current()
        request.core_only = in_force.core_only
        if in_force.latency_ms:
            time.sleep(in_force.latency_ms / 1000)
        kind = faults.choose(in_force, request.method or "", request.path)
        if kind is None:
            return get_answer(request)
        logger.info("%s on purpose: %s %s", kind, request.method, request.path)
        return _suffer(kind, in_force, request, get_answer)

    return misbehaving


def _suffer(
    kind: faults.Kind, in_force: faults.Faults, request: HttpRequest, get_answer: GetAnswer
) -> HttpResponseBase:
    if kind == "rate_limit":
        seconds = in_force.retry_after_s
        sentence = f"Too many requests. Try again in {seconds} s."
        return failed(429, sentence, {"Retry-After": str(seconds)})
    if kind == "error":
        return failed(in_force.error_status, "The Exchange fails on purpose, to rehearse an outage.")
    if kind == "drop_before":
        return drop_connection(request)
    # From here on the request is done first: only its answer is lost.
    answer = get_answer(request)
    if kind == "drop_after":
        return drop_connection(request)
    answer.close()
    return HttpResponse('{"cut short": ', content_type="application/json")
