"""Those who call the JSON API in tests: a person by the cookie, and programs with keys of each scope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.site_process import SiteProcess

SCOPES = {
    "read": ["read"],
    "record": ["record"],
    "publish": ["publish"],
    "all": ["read", "record", "publish"],
}


@dataclass(frozen=True)
class Who:
    """What a caller sends with every request."""

    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)


def settle_in(site: SiteProcess, address: str) -> None:
    """Register this address at the Exchange as a provider, too, and fetch the catalogue."""
    env = {"TOKLIGENCE_EMAIL": address, "TOKLIGENCE_ENABLE_PROVIDER": "true"}
    for words in (("bootstrap", "--json"), ("sync_catalog", "--json")):
        done = site.manage(*words, env=env)
        assert done.returncode == 0, done.stderr


def signed_in(site: SiteProcess, address: str) -> Who:
    """A person who has signed in by auth/login and auth/verify."""
    api, session = f"{site.base_url}/api/v1", requests.Session()
    session.trust_env = False
    asked = session.post(f"{api}/auth/login", json={"email": address}, timeout=30).json()
    code = site.newest_code(address)
    answer = session.post(
        f"{api}/auth/verify", json={"challenge": asked["challenge"], "code": code}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    return Who({"X-CSRFToken": answer.json()["csrf_token"]}, session.cookies.get_dict())


def key_of(site: SiteProcess, person: Who, label: str, scopes: list[str]) -> dict[str, Any]:
    """A new key of this person: the API's answer, ``secret`` in it."""
    answer = requests.post(
        f"{site.base_url}/api/v1/keys",
        json={"label": label, "scopes": scopes},
        headers=person.headers,
        cookies=person.cookies,
        timeout=30,
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def everybody(site: SiteProcess) -> dict[str, Who]:
    """A stranger, a person, and programs with keys of another person: one for each scope, and one for all."""
    settle_in(site, "owner@example.com")
    owner = signed_in(site, "owner@example.com")
    keys = {name: key_of(site, owner, name, scopes)["secret"] for name, scopes in SCOPES.items()}
    callers = {name: Who({"Authorization": f"Bearer {secret}"}) for name, secret in keys.items()}
    person = signed_in(site, "person@example.com")
    for number in range(4):
        key_of(site, person, f"to be changed, {number}", ["read"])
    return {"nobody": Who(), "person": person, **callers}
