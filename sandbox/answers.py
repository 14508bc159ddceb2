"""Answers, all of them JSON, and the one place where a refusal becomes one."""

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.cache import get_conditional_response, set_response_etag

from sandbox.refusals import ComplianceRefusal, Refusal


def refused(refusal: Refusal) -> JsonResponse:
    """A refusal in the contract's form: `error`, and `rules` where compliance rules were broken."""
    document: dict[str, object] = {"error": refusal.sentence}
    if isinstance(refusal, ComplianceRefusal):
        document["rules"] = [{"id": rule.id, "message": rule.message} for rule in refusal.rules]
    return JsonResponse(document, status=refusal.status)


def failed(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> JsonResponse:
    """An error that is not the answer of a domain function."""
    return JsonResponse({"error": sentence}, status=status, headers=headers)


def tagged(request: HttpRequest, answer: HttpResponse) -> HttpResponseBase:
    """The answer with the ETag of its body, or 304 where the caller has that body already."""
    set_response_etag(answer)
    return get_conditional_response(request, etag=answer["ETag"], response=answer) or answer


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's own refusals, such as a thousand query parameters."""
    return failed(400, "The request cannot be understood.")


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    return failed(404, f"There is nothing at {request.path}.")


def server_error(request: HttpRequest) -> JsonResponse:
    return failed(500, "The Exchange failed. What went wrong is in its log.")
