"""The endpoints of the contract."""

from django.http import HttpResponse, HttpResponseBase, JsonResponse

from sandbox import books, documents, market
from sandbox.answers import tagged
from sandbox.endpoints import ExchangeRequest
from sandbox.refusals import NotFound
from sandbox.shapes import Offering, Registration, UsageReport
from sandbox.wire import idempotency_key, query_integer, read_body, required_query_integer


def register_user(request: ExchangeRequest) -> HttpResponseBase:
    registered = market.register(read_body(request, Registration))
    document = {"user": documents.user_document(registered.account, core_only=request.core_only)}
    if registered.provider is not None:
        document["provider"] = documents.provider_document(registered.provider)
    return JsonResponse(document, status=201 if registered.is_new else 200)


def list_providers(request: ExchangeRequest) -> HttpResponseBase:
    providers = [documents.provider_document(provider) for provider in market.all_providers()]
    answer = JsonResponse({"providers": providers})
    return answer if request.core_only else tagged(request, answer)


def list_services(request: ExchangeRequest) -> HttpResponseBase:
    offered = market.services_of(query_integer(request, "provider_id"))
    answer = JsonResponse({"services": [documents.service_document(service) for service in offered]})
    return answer if request.core_only else tagged(request, answer)


def publish_service(request: ExchangeRequest) -> HttpResponseBase:
    published = market.publish(read_body(request, Offering))
    document = {"service": documents.service_document(published.service)}
    return JsonResponse(document, status=201 if published.is_new else 200)


def report_usage(request: ExchangeRequest) -> HttpResponseBase:
    report = read_body(request, UsageReport)
    if request.core_only:
        books.count_usage(report, key=None)
        answer = HttpResponse(status=201)
        del answer["Content-Type"]  # there is no body to have one
        return answer
    counted = books.count_usage(report, idempotency_key(request))
    document = {"entry": documents.entry_document(counted.entry)}
    return JsonResponse(document, status=201 if counted.is_new else 200)


def usage_summary(request: ExchangeRequest) -> HttpResponseBase:
    account = books.account_of(required_query_integer(request, "user_id"))
    return JsonResponse({"summary": documents.summary_document(account, core_only=request.core_only)})


def usage_statement(request: ExchangeRequest) -> HttpResponseBase:
    if request.core_only:
        raise NotFound(f"There is nothing at {request.path}.")
    limit = query_integer(request, "limit")
    page = books.statement_page(
        required_query_integer(request, "user_id"),
        after_id=query_integer(request, "after_id") or 0,
        limit=books.PAGE_DEFAULT if limit is None else limit,
    )
    entries = [documents.entry_document(entry) for entry in page.entries]
    return JsonResponse({"entries": entries, "next_after_id": page.next_after_id})
