"""The cache: what is put there must be found again; the rate of each API key is counted in it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from django.conf import settings
from django.core.cache import caches

from exchange.text import clean_text
from gateway_site.cache import RedisCache
from gateway_site.doctor.findings import Finding, Subject

SUBJECT = Subject("Cache")


def keeps() -> Iterator[Finding]:
    """Put a value there, and look for it."""
    cache = caches["default"]
    key, value = f"doctor:{secrets.token_hex(8)}", secrets.token_hex(8)
    advice = "Is it running, and is CACHE_URL right? Without it api_rate holds for each process alone."
    try:
        cache.set(key, value, 30)
        found = cache.get(key)
        cache.delete(key)
    except Exception as error:  # noqa: BLE001 - each cache has errors of its own
        what = clean_text(str(error).partition("\n")[0])[:200]
        yield SUBJECT.problem("keeps", f"It cannot be used: {type(error).__name__}: {what}", advice)
        return
    backend = settings.CACHES["default"]["BACKEND"].rpartition(".")[2]
    if found != value:
        yield SUBJECT.problem("keeps", f"{backend} does not keep what it is given.", advice)
    elif isinstance(cache, RedisCache) and cache.state.is_away():
        yield SUBJECT.problem(
            "keeps", "Redis does not answer: each process keeps for itself meanwhile.", advice
        )
    else:
        yield SUBJECT.ok("keeps", f"{backend} keeps what it is given.")
