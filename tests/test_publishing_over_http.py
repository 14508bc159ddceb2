"""Publishing from the page of a real site, at a real Exchange that loses answers: once, and said so."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from threading import Barrier, Thread
from typing import Any

import pytest
import requests

from tests.exchange_process import ExchangeProcess
from tests.site_process import SiteProcess, running_site

PUBLISH = "/catalog/services/publish/"
# as often as the client itself tries
TRIES = 3


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, _seeded_process: ExchangeProcess) -> Iterator[SiteProcess]:
    # two processes, so that nothing which only one of them knows can make it work
    env = {"TOKLIGENCE_LOG_LEVEL": "info", "GUNICORN_CMD_ARGS": "--workers 2"}
    with running_site(tmp_path_factory.mktemp("site"), _seeded_process.base_url, env) as process:
        yield process


class Seller:
    """Somebody who is signed in, and a provider; each with an address and a service name of its own."""

    def __init__(self, site: SiteProcess) -> None:
        self.site = site
        self.name = f"llama {uuid.uuid4().hex[:8]}"
        self.cookies = requests.Session()
        self.cookies.trust_env = False
        address = f"{uuid.uuid4().hex[:8]}@example.com"
        self.post("/accounts/login/", email=address)
        self.post("/accounts/verify/", code=site.newest_code(address))
        self.post(PUBLISH, step="enrol", display_name=f"Acme {self.name}")

    def get(self, path: str) -> requests.Response:
        return self.cookies.get(self.site.base_url + path, timeout=30)

    def post(self, path: str, **fields: str) -> requests.Response:
        fields |= {"csrfmiddlewaretoken": hidden(self.get(path), "csrfmiddlewaretoken")}
        return self.cookies.post(self.site.base_url + path, fields, timeout=30)

    def form(self, **changes: str) -> dict[str, str]:
        return {
            "name": self.name,
            "model_family": "llama-3.3-70b",
            "price_per_1k_tokens": "0.0006",
            "trial_tokens": "500",
            "token": hidden(self.get(PUBLISH), "token"),
            **changes,
        }


@pytest.fixture
def seller(site: SiteProcess, sandbox: ExchangeProcess) -> Seller:
    return Seller(site)


def hidden(page: requests.Response, name: str) -> str:
    found = re.search(rf'name="{name}" value="(\w+)"', page.text)
    assert found, page.text
    return found[1]


def offers(exchange: ExchangeProcess, name: str) -> list[dict[str, Any]]:
    services = requests.get(f"{exchange.base_url}/services", timeout=30).json()["services"]
    return [service for service in services if service["name"] == name]


def sent_by(site: SiteProcess, since: int) -> int:
    """How many publications left the site, by its log, after its first ``since`` characters."""
    log = (site.folder / "site.log").read_text()[since:]
    return len(re.findall(r"\[gateway/http\] http_request method=POST url=\S+/services\b", log))


def log_length(site: SiteProcess) -> int:
    return len((site.folder / "site.log").read_text())


def lose(exchange: ExchangeProcess, kind: str, count: int, **more: Any) -> None:
    exchange.control(next=[{"kind": kind, "path": "/services", "method": "POST", "count": count}], **more)


@pytest.mark.parametrize("count", [1, TRIES])
def test_an_answer_that_is_lost_after_the_deed_is_a_success(
    seller: Seller, sandbox: ExchangeProcess, count: int
) -> None:
    lose(sandbox, "drop_after", count)
    page = seller.post(PUBLISH, **seller.form())
    assert page.url.endswith("/catalog/services/?mine=1")
    assert f"{seller.name} is on offer" in page.text
    assert ("so the Exchange was asked" in page.text) == (count == TRIES)
    [offer] = offers(sandbox, seller.name)
    assert (offer["price_per_1k_tokens"], offer["trial_tokens"]) == (0.0006, 500)


def test_what_is_lost_on_the_way_is_not_published_and_the_next_press_publishes(
    seller: Seller, sandbox: ExchangeProcess
) -> None:
    lose(sandbox, "drop_before", TRIES)
    form = seller.form()
    page = seller.post(PUBLISH, **form)
    assert page.status_code == 503
    assert "It was not published, and nothing you typed is lost." in page.text
    assert f'value="{seller.name}"' in page.text
    assert offers(sandbox, seller.name) == []
    assert f"{seller.name} is on offer." in seller.post(PUBLISH, **form).text
    assert len(offers(sandbox, seller.name)) == 1


def test_where_looking_fails_too_the_next_press_looks_and_sends_nothing(
    seller: Seller, sandbox: ExchangeProcess, site: SiteProcess
) -> None:
    sandbox.control(
        next=[
            {"kind": "drop_after", "path": "/services", "method": "POST", "count": TRIES},
            {"kind": "malformed", "path": "/services", "method": "GET"},
        ]
    )
    form = seller.form()
    page = seller.post(PUBLISH, **form)
    assert page.status_code == 504
    assert "It is not known whether this was published" in page.text
    sandbox.behave()
    before = log_length(site)
    again = seller.post(PUBLISH, **form)
    assert "so the Exchange was asked" in again.text
    assert sent_by(site, before) == 0
    assert len(offers(sandbox, seller.name)) == 1


def test_a_double_click_reaches_the_exchange_once(
    seller: Seller, sandbox: ExchangeProcess, site: SiteProcess
) -> None:
    sandbox.control(latency_ms=700)
    form = seller.form()
    fields = form | {"csrfmiddlewaretoken": hidden(seller.get(PUBLISH), "csrfmiddlewaretoken")}
    jar = requests.utils.dict_from_cookiejar(seller.cookies.cookies)
    before = log_length(site)
    together = Barrier(2)
    answers: list[requests.Response] = []

    def press() -> None:
        with requests.Session() as session:
            session.trust_env = False
            together.wait(30)
            answers.append(
                session.post(site.base_url + PUBLISH, fields, cookies=jar, allow_redirects=False, timeout=30)
            )

    threads = [Thread(target=press) for _click in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [(answer.status_code, answer.headers["Location"]) for answer in answers] == [
        (302, "/catalog/services/?mine=1")
    ] * 2
    assert sent_by(site, before) == 1
    assert len(offers(sandbox, seller.name)) == 1
