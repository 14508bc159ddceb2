"""A person who is signed in and looks at pages now and then, and monitors that ask how the site is."""

from __future__ import annotations

import re
import threading
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle

import requests

from tests.site_process import SiteProcess
from tests.soak.judging import Doubt

PAGES = (
    "/",
    "/readyz",
    "/usage/",
    "/usage/logs/",
    "/healthz",
    "/catalog/services/",
    "/catalog/providers/",
    "/metrics",
    "/usage/reconciliation/",
    "/accounts/keys/",
    "/accounts/settings/",
)
BETWEEN = 2.0
"""Seconds from one page to the next."""
MOST_PARTS = 3
FETCHED_BY_ITSELF = re.compile(r'<[^>]*\bhx-get="(/[^"]*)"[^>]*\bhx-trigger="(?:load|every)[^"]*"')


class Person:
    """What she is answered: ``statuses`` by page, ``doubts`` and what is ``wrong``, as of the clients."""

    def __init__(self, site: SiteProcess, address: str, metrics_token: str) -> None:
        self._site, self._address, self._token = site, address, metrics_token
        self._stopping = threading.Event()
        self._session = requests.Session()
        self._session.trust_env = False
        # one connection each: which of the site's processes she meets is a matter of luck
        self._session.headers["Connection"] = "close"
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.latencies: array[float] = array("f")
        self.doubts: list[Doubt] = []
        self.wrong: list[str] = []

    def sign_in(self) -> None:
        """By the code in the mail. Raises requests' errors."""
        self._send("login", email=self._address)
        self._send("verify", code=self._site.newest_code(self._address))

    @contextmanager
    def looking(self) -> Iterator[None]:
        thread = threading.Thread(target=self._look_around, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join(120)

    def _look_around(self) -> None:
        for page in cycle(PAGES):
            if self._stopping.is_set():
                return
            text = self._look(page, page)
            # what the browser would fetch by itself once the page is there
            for part in FETCHED_BY_ITSELF.findall(text)[:MOST_PARTS]:
                self._look(part.replace("&amp;", "&"), f"{page} (a part)", {"HX-Request": "true"})
            self._stopping.wait(BETWEEN)

    def _look(self, path: str, name: str, headers: dict[str, str] | None = None) -> str:
        """The page's text; "" where there is none."""
        headers = dict(headers or {})
        if path == "/metrics":
            headers["Authorization"] = f"Bearer {self._token}"
        sent, status, text, error = time.monotonic(), 0, "", ""
        try:
            answer = self._session.get(
                self._site.base_url + path, headers=headers, timeout=60, allow_redirects=False
            )
            status, text = answer.status_code, answer.text
        except requests.RequestException as raised:
            error = repr(raised)
        ended = time.monotonic()
        self.statuses[name, status] += 1
        if status == 0 or status >= 500:
            self.doubts.append(Doubt(f"GET {name}", status, sent, ended, error or text[:200]))
            return ""
        self.latencies.append(ended - sent)
        if status not in (200, 204, 286):
            self.wrong.append(f"GET {name}: {status}")
        return text

    def _send(self, step: str, **fields: str) -> None:
        url = f"{self._site.base_url}/accounts/{step}/"
        form = self._session.get(url, timeout=60).text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
        assert token, form[:2000]
        answer = self._session.post(url, {**fields, "csrfmiddlewaretoken": token[1]}, timeout=60)
        answer.raise_for_status()
