"""In which language people are answered: chosen by them, by their browser, or asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.utils import translation

from accounts.factories import make_account, make_user
from accounts.models import User
from accounts.tests.api import bearer, nobody
from accounts.tests.helpers import LOGIN, ask, mailed_code, sign_in, text_of
from accounts.tests.wire import Desk

pytestmark = pytest.mark.django_db
SWITCH, SETTINGS = "/accounts/language/", "/accounts/settings/"
CHINESE = {"HTTP_ACCEPT_LANGUAGE": "zh-CN,zh;q=0.9"}
ENGLISH = {"HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.9"}


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    """A request leaves its language to the thread, where the next test would find it."""
    with translation.override("en"):
        yield


def language_of(client: Client, path: str = LOGIN, **headers: str) -> str:
    """The language of a page, in which its header, its root element and its words agree."""
    response = client.get(path, **headers)
    language: str = response["Content-Language"]
    page = text_of(response)
    assert f'<html lang="{language}"' in page
    assert ("设置" in page or "登录" in page) is (language == "zh-hans")
    return language


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("zh", "zh-hans"),
        ("zh-CN", "zh-hans"),
        ("zh-SG", "zh-hans"),
        ("zh-Hans-CN", "zh-hans"),
        ("ZH-hans", "zh-hans"),
        # the other script is nearer to its readers than English
        ("zh-TW", "zh-hans"),
        ("zh-HK,zh;q=0.9,en;q=0.8", "zh-hans"),
        ("fr,zh-CN;q=0.8,en;q=0.5", "zh-hans"),
        ("en-GB,zh;q=0.9", "en"),
        ("fr,de;q=0.5", "en"),
        ("", "en"),
        ("*", "en"),
        ("zz;q=9, " + "x" * 3_000, "en"),
    ],
)
def test_without_a_choice_it_is_what_the_browser_asks_for(client: Client, asked: str, answered: str) -> None:
    assert language_of(client, HTTP_ACCEPT_LANGUAGE=asked) == answered


def test_caches_are_told_what_it_depends_on(client: Client) -> None:
    vary = client.get(LOGIN)["Vary"]
    assert "Accept-Language" in vary
    assert "Cookie" in vary


def test_a_browser_remembers_its_choice_for_a_year_before_anybody_signs_in(client: Client) -> None:
    response = client.post(SWITCH, {"language": "zh-hans", "next": LOGIN})
    assert response["Location"] == LOGIN
    morsel = client.cookies[settings.LANGUAGE_COOKIE_NAME]
    assert (morsel.value, morsel["max-age"], morsel["httponly"], morsel["samesite"]) == (
        "zh-hans",
        365 * 24 * 3600,
        True,
        "Lax",
    )
    assert language_of(client, **ENGLISH) == "zh-hans"


def test_a_person_has_the_choice_in_every_browser(signed_in: Client, user: User) -> None:
    signed_in.post(SWITCH, {"language": "zh-hans"})
    user.refresh_from_db()
    assert user.language == "zh-hans"
    other = Client()
    other.force_login(user)
    assert language_of(other, SETTINGS, **ENGLISH) == "zh-hans"


def test_the_persons_choice_goes_before_the_browsers(signed_in: Client, user: User) -> None:
    signed_in.cookies[settings.LANGUAGE_COOKIE_NAME] = "zh-hans"
    assert language_of(signed_in, SETTINGS, **ENGLISH) == "zh-hans"
    User.objects.update(language="en")
    assert language_of(signed_in, SETTINGS, **CHINESE) == "en"


def test_it_can_be_left_to_the_browser_again(signed_in: Client, user: User) -> None:
    signed_in.post(SWITCH, {"language": "zh-hans"})
    signed_in.post(SWITCH, {"language": ""})
    user.refresh_from_db()
    assert user.language == ""
    assert language_of(signed_in, SETTINGS, **ENGLISH) == "en"
    assert language_of(signed_in, SETTINGS, **CHINESE) == "zh-hans"


@pytest.mark.parametrize("chosen", ["fr", "zh", "ZH-HANS", "zh-hans\x00", '"><script>', " "])
def test_what_is_no_language_of_the_site_is_ignored(signed_in: Client, user: User, chosen: str) -> None:
    signed_in.post(SWITCH, {"language": "zh-hans"})
    assert signed_in.post(SWITCH, {"language": chosen}).status_code == 302
    user.refresh_from_db()
    assert user.language == "zh-hans"
    assert signed_in.cookies[settings.LANGUAGE_COOKIE_NAME].value == "zh-hans"


def test_a_switch_that_says_nothing_changes_nothing(signed_in: Client, user: User) -> None:
    signed_in.post(SWITCH, {"language": "zh-hans"})
    signed_in.post(SWITCH, {})
    user.refresh_from_db()
    assert user.language == "zh-hans"


def test_a_language_that_is_offered_no_more_is_no_choice(signed_in: Client) -> None:
    User.objects.update(language="tlh")
    assert language_of(signed_in, SETTINGS, **CHINESE) == "zh-hans"


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", ""])
def test_nobody_is_sent_to_another_site(client: Client, wanted: str) -> None:
    assert client.post(SWITCH, {"language": "en", "next": wanted})["Location"] == "/"


def test_it_does_nothing_but_by_post(client: Client) -> None:
    assert client.get(SWITCH, {"language": "zh-hans"})["Location"] == "/"
    assert settings.LANGUAGE_COOKIE_NAME not in client.cookies


def test_who_signs_out_leaves_no_language_for_the_next(signed_in: Client, user: User) -> None:
    signed_in.post(SWITCH, {"language": "zh-hans"})
    assert signed_in.post("/accounts/logout/").cookies["tgw_language"].value == ""
    assert 'lang="en"' in signed_in.get("/accounts/login/").content.decode()


def test_one_persons_choice_is_not_anothers(signed_in: Client) -> None:
    other = make_account(user=make_user(email="grace@example.com")).user
    signed_in.post(SWITCH, {"language": "zh-hans"})
    other.refresh_from_db()
    assert other.language == ""


class TestSignIn:
    def test_who_has_chosen_finds_it_in_this_browser_until_the_sign_out(
        self, client: Client, desk: Desk
    ) -> None:
        make_user(email="ada@example.com")
        User.objects.update(language="zh-hans")
        sign_in(client)
        assert client.cookies[settings.LANGUAGE_COOKIE_NAME].value == "zh-hans"
        client.post("/accounts/logout/")
        assert language_of(client, **ENGLISH) == "en"

    def test_who_has_not_takes_over_what_was_chosen_before_signing_in(
        self, client: Client, desk: Desk
    ) -> None:
        client.post(SWITCH, {"language": "zh-hans"})
        sign_in(client)
        assert User.objects.get().language == "zh-hans"

    def test_what_a_browser_asks_for_is_no_choice(self, client: Client, desk: Desk) -> None:
        sign_in(client, **CHINESE)
        assert User.objects.get().language == ""
        assert settings.LANGUAGE_COOKIE_NAME not in client.cookies

    def test_a_code_is_mailed_in_the_language_of_the_page(self, client: Client) -> None:
        ask(client, **CHINESE)
        assert mail.outbox[0].subject == "Tokligence Gateway 登录验证码"

    def test_a_code_is_mailed_in_the_persons_language_whatever_the_page_has(self, client: Client) -> None:
        make_user(email="ada@example.com")
        User.objects.update(language="zh-hans")
        response = ask(client, **ENGLISH)
        (message,) = mail.outbox
        assert message.subject == "Tokligence Gateway 登录验证码"
        assert '<html lang="zh-hans"' in str(message.alternatives[0].content)  # type: ignore[attr-defined]
        assert mailed_code()
        # and the page does not tell that this address is known
        assert response["Content-Language"] == "en"


class TestApi:
    def test_a_program_is_answered_in_what_it_asks_for(self) -> None:
        answers = [bearer("tgk_no").get("/profile", **asked) for asked in (ENGLISH, CHINESE)]
        assert [answer["Content-Language"] for answer in answers] == ["en", "zh-hans"]
        english, chinese = (answer.json()["error"]["message"] for answer in answers)
        assert "Send an API key" in english
        assert "Send an API key" not in chinese

    def test_neither_a_cookie_nor_a_persons_choice_counts(self, signed_in: Client) -> None:
        signed_in.post(SWITCH, {"language": "zh-hans"})
        answer = signed_in.get("/api/v1/nothing", **ENGLISH)
        assert answer["Content-Language"] == "en"
        assert answer.json()["error"]["message"].isascii()

    def test_a_request_without_a_wish_is_answered_in_english_after_a_chinese_one(self) -> None:
        nobody().get("/profile", **CHINESE)
        assert "Send an API key" in nobody().get("/profile").json()["error"]["message"]

    def test_the_reference_is_a_page_and_follows_the_person(self, signed_in: Client) -> None:
        signed_in.post(SWITCH, {"language": "zh-hans"})
        assert signed_in.get("/api/v1/docs", **ENGLISH)["Content-Language"] == "zh-hans"


class TestSwitch:
    def test_each_language_is_named_in_itself(self, client: Client) -> None:
        for asked in (ENGLISH, CHINESE):
            page = text_of(client.get(LOGIN, **asked))
            assert '<button name="language" value="en" lang="en"' in page
            assert ">English</button>" in page
            assert '<button name="language" value="zh-hans" lang="zh-hans"' in page
            assert ">简体中文</button>" in page

    def test_the_sign_in_page_marks_the_language_that_it_has(self, client: Client) -> None:
        page = text_of(client.get(LOGIN, **CHINESE))
        assert 'lang="zh-hans" aria-pressed="true"' in page
        assert 'lang="en" aria-pressed="false"' in page

    def test_the_settings_mark_what_was_chosen(self, signed_in: Client) -> None:
        page = text_of(signed_in.get(SETTINGS, **CHINESE))
        assert 'lang="zh-hans" aria-pressed="false"' in page
        assert '<button name="language" value="" aria-pressed="true"' in page
        signed_in.post(SWITCH, {"language": "zh-hans"})
        page = text_of(signed_in.get(SETTINGS))
        assert 'lang="zh-hans" aria-pressed="true"' in page
        assert '<button name="language" value="" aria-pressed="false"' in page


def test_the_language_of_one_request_is_not_the_nexts(signed_in: Client) -> None:
    signed_in.post(SWITCH, {"language": "zh-hans"})
    signed_in.get(SETTINGS)
    assert language_of(Client()) == "en"


def test_a_page_that_does_not_exist_is_said_in_the_persons_language(signed_in: Client) -> None:
    signed_in.post(SWITCH, {"language": "zh-hans"})
    response = signed_in.get("/no/such/page/")
    assert (response.status_code, response["Content-Language"]) == (404, "zh-hans")
    assert '<html lang="zh-hans"' in text_of(response)
