"""A real browser, a real site, a real Exchange, over HTTP; and whatever the console says is a failure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

from tests.browser import FLAGS, find_browser
from tests.exchange_process import ExchangeProcess, running_exchange
from tests.site_process import SiteProcess, running_beside, running_site

ARTEFACTS = Path(__file__).resolve().parent.parent.parent / "artefacts"
STATUS = re.compile(r"server responded with a status of (\d{3})")
# a machine that does much else at the same time is slow, and nothing more
expect.set_options(timeout=15_000)
LOCAL = ("http://127.0.0.1:", "data:", "blob:")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "provokes(*statuses): the browser's console tells of these answers, and is meant to"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("e2e")
            if find_browser() is None:
                item.add_marker(
                    pytest.mark.skip(reason="NOT RUN: there is no Chromium here (set BROWSER_PATH)")
                )


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {"executable_path": find_browser(), "args": FLAGS}


# ---- whatever a page complains of -----------------------------------------------------------------
@pytest.fixture(scope="session")
def heard() -> list[str]:
    """What every browser window has complained of since the test began."""
    return []


@pytest.fixture(scope="session")
def browser(browser: Browser, heard: list[str]) -> Browser:
    """The browser; no window of it goes unheard, whichever way it is opened."""
    open_context = browser.new_context

    def listened_to(**options: Any) -> BrowserContext:
        context = open_context(**options)
        close = context.close
        said: list[str] = []
        context.on("console", lambda message: said.extend(complaint_in(message)))
        context.on("weberror", lambda error: said.append(str(error.error)))
        context.on("request", lambda request: said.extend(stray(request)))

        def heard_out(**why: Any) -> None:
            # an answer that comes while the page is taken down finds no place in it: nobody's fault
            heard.extend(said)
            said.clear()
            close(**why)

        context.close = heard_out  # type: ignore[method-assign]
        return context

    browser.new_context = listened_to  # type: ignore[method-assign]
    return browser


def complaint_in(message: ConsoleMessage) -> list[str]:
    """Errors and warnings; what the Content-Security-Policy forbids is among the errors."""
    return [f"{message.text} ({message.location['url']})"] if message.type in ("error", "warning") else []


def stray(request: Request) -> list[str]:
    """Nothing is fetched from elsewhere."""
    return [] if request.url.startswith(LOCAL) else [f"asked {request.url}"]


@pytest.fixture(autouse=True)
def _no_complaints(heard: list[str], request: pytest.FixtureRequest) -> Iterator[None]:
    """No test ends well in which a page complained of anything but a status that the test names."""
    heard.clear()
    yield
    provoked = {status for mark in request.node.iter_markers("provokes") for status in mark.args}

    def is_meant(text: str) -> bool:
        status = STATUS.search(text)
        return status is not None and int(status[1]) in provoked

    complaints = [text for text in heard if not is_meant(text)]
    assert not complaints, "\n".join(complaints)


# ---- what runs ------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    with running_exchange(tmp_path_factory.mktemp("exchange"), "--seed") as process:
        yield process


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, exchange: ExchangeProcess) -> Iterator[SiteProcess]:
    with running_site(tmp_path_factory.mktemp("site"), exchange.base_url) as process:
        # else what a page shows would hang on whether a test before has opened the catalogue
        assert process.manage("sync_catalog").returncode == 0
        yield process


@pytest.fixture(scope="module")
def worker(site: SiteProcess) -> Iterator[None]:
    """Beside the site, what delivers its entries and what fetches its catalogue."""
    with running_beside(site, "delivery", "catalogue"):
        yield


@pytest.fixture
def artefacts() -> Path:
    ARTEFACTS.mkdir(exist_ok=True)
    return ARTEFACTS


# ---- who comes ------------------------------------------------------------------------------------
def sign_in(page: Page, site: SiteProcess, address: str) -> None:
    """As a person does it: the address, the mail, the code."""
    page.goto(f"{site.base_url}/")
    page.get_by_label("Email").fill(address)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Enter your code")).to_be_visible()
    page.get_by_label("Code").fill(site.newest_code(address))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def arrive(page: Page, site: SiteProcess, address: str) -> None:
    """Signed in already, for a test that is about something else: the same steps, without the pages."""
    with requests.Session() as session:
        session.trust_env = False

        def send(step: str, **fields: str) -> None:
            url = f"{site.base_url}/accounts/{step}/"
            fields["csrfmiddlewaretoken"] = token_in(session.get(url, timeout=30).text)
            session.post(url, fields, timeout=30).raise_for_status()

        send("login", email=address)
        send("verify", code=site.newest_code(address))
        page.context.add_cookies(
            [
                {"name": cookie.name, "value": str(cookie.value), "url": site.base_url}
                for cookie in session.cookies
            ]
        )


def token_in(text: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text)
    assert found, text[:2000]
    return found[1]


def become_provider(page: Page, site: SiteProcess, name: str) -> None:
    """On the page where it is needed: then the form for a service stands there."""
    page.goto(f"{site.base_url}/catalog/services/publish/")
    page.get_by_label("Provider name").fill(name)
    page.get_by_role("button", name="Become a provider").click()
    expect(page.get_by_label("Service name")).to_be_visible()


def record(page: Page, site: SiteProcess, *, prompt: int, completion: int, memo: str) -> int:
    """By hand, of service 1; the number of the entry, whose page stands there after."""
    page.goto(f"{site.base_url}/usage/record/?service=1")
    page.get_by_label("Prompt tokens").fill(str(prompt))
    page.get_by_label("Completion tokens").fill(str(completion))
    page.get_by_label("Memo").fill(memo)
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page).to_have_url(re.compile(r"/usage/logs/\d+/$"))
    return int(page.url.rstrip("/").rpartition("/")[2])
