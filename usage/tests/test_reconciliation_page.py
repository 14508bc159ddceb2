from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.factories import make_account
from accounts.models import ExchangeAccount
from accounts.tests.helpers import HTMX, counted_queries, text_of
from usage import ledger
from usage.factories import make_entry
from usage.models import ReconciliationRun
from usage.reconciliation import acknowledge, open_difference, reconcile
from usage.tests.their_books import TheirBooks, delivered

PAGE = "/usage/reconciliation/"
RUN = f"{PAGE}run/"


def said(client: Client, path: str = PAGE) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return text_of(response)


@pytest.fixture
def differing(account: ExchangeAccount, theirs: TheirBooks) -> ReconciliationRun:
    entry = make_entry(account=account, state="delivered", memo="night shift")
    theirs.count(entry, prompt_tokens=1900)
    theirs.add(idempotency_key="f" * 64, memo="<b>who?</b>")
    make_entry(account=account, state="delivered")
    taken_back, _kept = delivered(account, theirs, 2)
    ledger.reverse(account, taken_back.seq, reason="Booked twice", source="page")
    make_entry(account=account, state="uncertain")
    return reconcile(account)


def test_before_the_first_run_it_says_what_to_do(signed_in: Client) -> None:
    page = said(signed_in)
    assert "Not reconciled yet" in page
    assert "Reconcile now" in page


def test_a_clean_result_is_shown_with_both_sides(
    signed_in: Client, account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.add(prompt_tokens=900, completion_tokens=0)
    delivered(account, theirs, 2)
    reconcile(account)
    page = said(signed_in)
    assert "The books agree" in page
    assert "2 lines matched" in page
    assert "3,000 tokens" in page
    assert "900 consumed, 0 supplied" in page
    assert "Their chain: intact" in page


def test_each_kind_of_line_is_listed_with_both_sides(signed_in: Client, differing: ReconciliationRun) -> None:
    page = said(signed_in)
    assert "The books differ" in page
    for words in ("Differing", "Only theirs", "Only yours", "Reversed", "1 entry uncertain"):
        assert words in page
    assert "1,200 in yours, 1,900 in theirs" in page
    assert 'href="/usage/logs/1/"' in page
    assert "Booked twice" in page
    assert "&lt;b&gt;who?&lt;/b&gt;" in page
    assert "/usage/logs/?state=uncertain" in page


def test_the_trouble_comes_first(signed_in: Client, differing: ReconciliationRun) -> None:
    page = said(signed_in)
    order = (
        "The Exchange shows",
        "3 lines do not fit.",
        "I know what it is",
        'id="kind-theirs_only"',
        "totals-title",
    )
    assert [page.index(words) for words in order] == sorted(page.index(words) for words in order)
    assert page.index("totals-title") < page.index('id="kind-reversed"')


def test_a_break_in_their_chain_is_said_in_words(
    signed_in: Client, account: ExchangeAccount, theirs: TheirBooks
) -> None:
    delivered(account, theirs, 2)
    theirs.lines[0]["hash"] = "0" * 64
    reconcile(account)
    page = said(signed_in)
    assert "Their chain: broken" in page
    assert "The hash of their line 1 is not that of what the line says." in page


def test_while_the_exchange_is_away_the_last_result_stays(
    signed_in: Client, account: ExchangeAccount, theirs: TheirBooks
) -> None:
    delivered(account, theirs)
    reconcile(account)
    theirs.down = True
    reconcile(account)
    page = said(signed_in)
    assert "The books could not be compared" in page
    assert "cannot be reached" in page
    assert "The books agree" in page


def test_where_only_the_statement_is_missing_the_totals_are_said_to_agree(
    signed_in: Client, account: ExchangeAccount, theirs: TheirBooks
) -> None:
    delivered(account, theirs)
    reconcile(account)
    assert "The totals alone agree." not in said(signed_in)
    theirs.lines[0]["memo"] = 5  # no text: the page of the statement cannot be read
    assert reconcile(account).status == ReconciliationRun.Status.UNAVAILABLE
    assert "The totals alone agree." in said(signed_in)


def test_reconcile_now_answers_htmx_with_the_result(
    signed_in: Client, account: ExchangeAccount, theirs: TheirBooks
) -> None:
    delivered(account, theirs)
    response = signed_in.post(RUN, **HTMX)
    page = text_of(response)
    assert response.status_code == 200
    assert page.lstrip().startswith('<section class="results reconciliation"')
    assert "The books agree" in page


@pytest.mark.parametrize(
    ("down", "missing", "words"),
    [
        (False, False, "The books agree."),
        (False, True, "The books differ."),
        (True, False, "cannot be reached"),
    ],
)
def test_reconcile_now_leads_a_form_back_to_the_page(
    signed_in: Client, account: ExchangeAccount, theirs: TheirBooks, down: bool, missing: bool, words: str
) -> None:
    delivered(account, theirs)
    theirs.down = down
    if missing:
        make_entry(account=account, state="delivered")
    response = signed_in.post(RUN, follow=True)
    assert response.redirect_chain == [(PAGE, 302)]
    assert words in text_of(response)


def test_the_form_targets_lead_a_reader_to_the_page(signed_in: Client, differing: ReconciliationRun) -> None:
    for path in (RUN, f"{PAGE}{differing.pk}/acknowledge/"):
        assert signed_in.get(path).headers["Location"] == PAGE
        assert signed_in.put(path).status_code == 405


def test_a_difference_is_acknowledged_with_a_note(
    signed_in: Client, account: ExchangeAccount, differing: ReconciliationRun
) -> None:
    path = reverse("usage:acknowledge", args=[differing.pk])
    page = text_of(signed_in.post(path, {"note": "Their bug 17."}, follow=True))
    assert "Their bug 17." in page
    assert "Acknowledged by ada@example.com" in page
    assert open_difference(account) is None


def test_without_a_note_nothing_is_acknowledged(
    signed_in: Client, account: ExchangeAccount, differing: ReconciliationRun
) -> None:
    path = reverse("usage:acknowledge", args=[differing.pk])
    for note in ("", "  ", "x" * 1001):
        response = signed_in.post(path, {"note": note})
        assert response.status_code == 422
        assert "aria-invalid" in text_of(response)
        assert note.strip() in text_of(response)
    assert "Say what the difference is" in text_of(signed_in.post(path, {"note": ""}))
    assert open_difference(account) == differing


def test_a_clean_run_cannot_be_acknowledged(
    signed_in: Client, account: ExchangeAccount, theirs: TheirBooks
) -> None:
    run = reconcile(account)
    response = signed_in.post(f"{PAGE}{run.pk}/acknowledge/", {"note": "Fine"}, follow=True)
    assert "there is nothing to acknowledge" in text_of(response)
    run.refresh_from_db()
    assert run.acknowledged_at is None


def test_an_older_run_is_shown_as_it_came_out(
    signed_in: Client, account: ExchangeAccount, theirs: TheirBooks, differing: ReconciliationRun
) -> None:
    theirs.lines.clear()
    reconcile(account)
    page = said(signed_in, f"{PAGE}{differing.pk}/")
    assert "1,200 in yours, 1,900 in theirs" in page
    assert "Differing" in said(signed_in, f"{PAGE}{differing.pk}/?kind=differing")
    assert "Only theirs</h2>" not in said(signed_in, f"{PAGE}{differing.pk}/?kind=differing")


def test_a_run_that_came_to_nothing_has_a_page(
    signed_in: Client, account: ExchangeAccount, theirs: TheirBooks
) -> None:
    theirs.down = True
    assert "cannot be reached" in said(signed_in, f"{PAGE}{reconcile(account).pk}/")


@pytest.mark.parametrize("path", ["{}/", "{}/acknowledge/"])
def test_anothers_run_is_not_there(signed_in: Client, theirs: TheirBooks, path: str) -> None:
    theirs.account = make_account()
    make_entry(account=theirs.account, state="delivered")
    run = reconcile(theirs.account)
    address = f"{PAGE}{path.format(run.pk)}"
    assert signed_in.post(address, {"note": "Mine now"}).status_code in (404, 405)
    assert signed_in.get(address).status_code in (404, 302)
    assert signed_in.get(f"{PAGE}{run.pk}/").status_code == 404
    run.refresh_from_db()
    assert run.acknowledged_at is None


def test_a_number_that_no_database_holds_is_not_there(signed_in: Client) -> None:
    assert signed_in.get(f"{PAGE}{10**30}/").status_code == 404


def test_history_goes_on_page_by_page(
    signed_in: Client, account: ExchangeAccount, theirs: TheirBooks
) -> None:
    runs = [reconcile(account) for _ in range(23)]
    shown: list[int] = []
    path = PAGE
    for _ in range(3):
        history = signed_in.get(path).context["history"]
        shown += [run.pk for run in history.runs]
        path = f"{PAGE}?before={history.older}"
    assert shown == [run.pk for run in reversed(runs)]
    assert history.older is None


def test_older_runs_are_a_partial_for_htmx(
    signed_in: Client, account: ExchangeAccount, theirs: TheirBooks
) -> None:
    last = [reconcile(account) for _ in range(12)][2]
    response = signed_in.get(f"{PAGE}?before={last.pk}", **HTMX)
    assert text_of(response).lstrip().startswith('<div id="history">')
    assert "Newest runs" in text_of(response)
    assert "HX-Request" in response.headers["Vary"]
    restored = signed_in.get(f"{PAGE}?before={last.pk}", **HTMX, HTTP_HX_HISTORY_RESTORE_REQUEST="true")
    assert "<html" in text_of(restored)


@pytest.mark.parametrize("before", ["x", "-1", "9" * 40, "", "0"])
def test_an_odd_place_in_history_is_the_newest(
    signed_in: Client, account: ExchangeAccount, theirs: TheirBooks, before: str
) -> None:
    run = reconcile(account)
    assert [found.pk for found in signed_in.get(PAGE, {"before": before}).context["history"].runs] == [run.pk]


def test_the_page_asks_for_what_it_shows(signed_in: Client, differing: ReconciliationRun) -> None:
    # session, user, account, runs; differing, theirs only and ours only with their entries; reversals
    with counted_queries(8):
        signed_in.get(PAGE)


def test_a_clean_page_asks_for_no_lines(
    signed_in: Client, account: ExchangeAccount, theirs: TheirBooks
) -> None:
    for _ in range(12):
        reconcile(account)
    # session, user, account, runs
    with counted_queries(4):
        signed_in.get(PAGE)


def test_every_page_says_that_the_books_differ_until_it_is_acknowledged(
    signed_in: Client, account: ExchangeAccount, differing: ReconciliationRun
) -> None:
    settings, banner = reverse("accounts:settings"), "Your book and the Exchange's differ."
    assert banner in said(signed_in, settings)
    assert banner not in said(signed_in, PAGE)
    acknowledge(differing, user=account.user, note="Known")
    assert banner not in said(signed_in, settings)


def test_the_banner_is_nobody_elses(signed_in: Client, theirs: TheirBooks) -> None:
    theirs.account = make_account()
    make_entry(account=theirs.account, state="delivered")
    reconcile(theirs.account)
    assert "differ." not in said(signed_in, reverse("accounts:settings"))
