"""What ``openapi.json`` says of groups, statuses and headers. Like the rest of that document: in English."""

from __future__ import annotations

from typing import Any

TAGS = {
    "Usage": "Record what was consumed or supplied, and read it again: the book, entry by entry and in sums.",
    "Budget": "What a key may still spend.",
    "Providers": "Who sells, as the Exchange's catalogue was last fetched.",
    "Services": "What is on offer, and what you offer.",
    "Profile": "Who calls, and how they are registered at the Exchange.",
    "API keys": "Keys are made, changed, given new secrets and revoked by the person whose they are.",
    "Sign in": "For people: a code by email, then a cookie.",
}
"""The groups, in the order of the reference page."""

REFUSED = {
    400: "No request that can be understood: the body is no JSON in UTF-8, or the address is malformed.",
    401: "Nobody is known by the key or the cookie that was sent, or none was.",
    403: "Known, but not allowed: the key lacks the scope, or the CSRF token is missing.",
    404: "There is nothing here, or it is somebody else's.",
    405: "This address does not take that method: `Allow` names those it takes.",
    409: "It cannot be done as things stand.",
    411: "The body's length is not said: `Content-Length` is missing.",
    413: "More than this address takes.",
    414: "The address is longer than 8,170 bytes. The web server says so itself, before the site sees it.",
    415: "The body is not said to be JSON.",
    422: "Understood, and something in it cannot be right: `problems` names each field.",
    429: "Too often. `Retry-After` says when to go on.",
    500: "A fault of this site. It is in the site's log, under the request's id.",
    503: "What is needed for it does not answer now. `Retry-After` says when to try again.",
    504: "The Exchange did not answer in time.",
}
"""What each refusal means."""

ALWAYS = (400, 411, 413, 503)
"""What any request can meet before anybody looks at what it asks for."""

WEB_SERVER = {414: {"description": REFUSED[414], "content": {"text/plain": {"schema": {"type": "string"}}}}}
"""What is answered in front of the site: without envelope and request's id."""

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {
        "description": "Names this request in the site's log. Tell it to the operator.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{8,64}$"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next try.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "How to say who calls.",
        "required": True,
        "schema": {"type": "string", "const": "Bearer"},
    },
}
OF_STATUS = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
"""Which headers a status has beside X-Request-ID."""

CODES: dict[str, tuple[int, str]] = {
    "bad_request": (400, "The request itself is malformed."),
    "malformed": (400, "The body is no JSON in UTF-8, is nested too deeply, or has an absurd number."),
    "not_authenticated": (401, "Send a key that works, or sign in."),
    "scope_missing": (403, "The key works, and lacks the scope; the message names it."),
    "person_needed": (403, "A key cannot do this: sign in."),
    "csrf": (403, "A change by the cookie lacks X-CSRFToken, or has another's."),
    "https_needed": (
        403,
        "Sent in clear where only https is taken: a key that was in it needs a new secret.",
    ),
    "forbidden": (403, "Not allowed for another reason."),
    "not_found": (404, "No such address or number, or somebody else's."),
    "nothing_fits": (404, "There is no such offer; the message says what came nearest."),
    "method_not_allowed": (405, "See the header Allow."),
    "conflict": (409, "The entry_id is known, with other content."),
    "key_revoked": (409, "The key has ended, and cannot be changed."),
    "not_possible_yet": (409, "Something has to be done before; the message says what."),
    "length_required": (411, "Send Content-Length."),
    "too_large": (413, "Send less at a time."),
    "too_many_rows": (413, "More of LiteLLM's rows than are taken at once; the message says what was done."),
    "unsupported_media_type": (415, "Send Content-Type: application/json."),
    "invalid": (422, "A field is wrong: see problems."),
    "wrong_code": (422, "Not the code from the email; the message says how many tries are left."),
    "spent_code": (422, "The code was used, is too old, or was tried too often: ask for another."),
    "refused_by_rules": (422, "The Exchange's rules forbid it: see rules."),
    "refused_by_exchange": (422, "The Exchange refuses it without naming a rule."),
    "too_many_requests": (429, "More requests in a minute than this site allows."),
    "too_many_codes": (429, "More sign-in codes than an address or a network may ask for."),
    "server_error": (500, "Tell the operator the request_id."),
    "busy": (503, "The site's database could not do it now. Send the same again, with the same ids."),
    "mail_not_sent": (503, "The email with the code could not be sent."),
    "catalogue_unavailable": (503, "There is no catalogue yet, and the Exchange does not answer."),
    "exchange_unavailable": (503, "The Exchange did not do it. Nothing has changed: try again."),
    "outcome_unknown": (504, "The Exchange may or may not have done it. Look before you repeat."),
}
"""Every ``error.code``: the status that it comes with, and what it means."""
