from __future__ import annotations

import pytest
from django.test import Client


def test_a_form_that_is_too_old_is_explained_and_the_reason_kept() -> None:
    browser = Client(enforce_csrf_checks=True)
    response = browser.post("/accounts/theme/", {"theme": "dark"})
    assert response.status_code == 403
    assert "403_csrf.html" in [template.name for template in response.templates]
    assert "cookie not set" not in response.content.decode().lower()


@pytest.mark.django_db
def test_a_page_that_is_not_there_leads_back(client: Client) -> None:
    response = client.get("/no/such/page/<script>alert(1)</script>")
    assert response.status_code == 404
    html = response.content.decode()
    assert 'href="/"' in html
    assert "alert(1)" not in html
