"""What the lists of the logs' filters offer: what this account's entries have, found by hops in an index.

Each next value is one look into an index, so it takes as long with ten million entries as with ten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from accounts.models import ApiKey, ExchangeAccount
from usage.models import LedgerEntry

MOST = 200
"""A list that is longer than this would not be read."""
_TABLE = LedgerEntry._meta.db_table
# only names of our own columns are put into it
_HOPS = f"""
    WITH RECURSIVE found (value, place) AS (
        SELECT (SELECT MIN({{column}}) FROM {_TABLE} WHERE account_id = %s), 1
        UNION ALL
        SELECT (
            SELECT MIN({{column}}) FROM {_TABLE} WHERE account_id = %s AND {{column}} > found.value
        ), place + 1
        FROM found WHERE found.value IS NOT NULL AND place < {MOST}
    )
    SELECT value, {{name}} FROM found WHERE value IS NOT NULL
"""  # noqa: S608
_NAME = f"""(
    SELECT {{name}} FROM {_TABLE} WHERE account_id = %s AND {{column}} = found.value
    ORDER BY occurred_at DESC, seq DESC LIMIT 1
)"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Values and words of each list, in the order of the words."""

    service: list[tuple[int, str]]
    provider: list[tuple[int, str]]
    family: list[tuple[str, str]]
    key: list[tuple[int, str]]


def options_of(account: ExchangeAccount, chosen: Mapping[str, Any]) -> Options:
    """What this account can choose from. A name is the newest entry's; what is chosen is always offered."""
    keys = ApiKey.objects.filter(user=account.user_id).order_by("-pk").values_list("pk", "label")[:MOST]
    families = [(family, family) for family, _name in _hop(account, "model_family", None)]
    return Options(
        service=_with(_named(account, "service_id", "service_name"), chosen.get("service")),
        provider=[
            *_with(_named(account, "provider_id", "provider_name"), chosen.get("provider") or None),
            (0, _("Unknown")),
        ],
        family=_with(families, chosen.get("family")),
        key=[*_with(_sorted(keys), chosen.get("key") or None), (0, _("Without a key"))],
    )


def _with(options: list[tuple[Any, str]], value: Any) -> list[tuple[Any, str]]:
    if value is None or any(value == offered for offered, _words in options):
        return options
    return [*options, (value, f"#{value}" if isinstance(value, int) else value)]


def _sorted(options: Iterable[tuple[Any, str]]) -> list[tuple[Any, str]]:
    return sorted(options, key=lambda option: option[1].casefold())


def _named(account: ExchangeAccount, column: str, name: str) -> list[tuple[int, str]]:
    return _sorted((value, called or f"#{value}") for value, called in _hop(account, column, name))


def _hop(account: ExchangeAccount, column: str, name: str | None) -> list[tuple[Any, str | None]]:
    named = _NAME.format(column=column, name=name) if name else "NULL"
    with connection.cursor() as cursor:
        cursor.execute(_HOPS.format(column=column, name=named), [account.pk] * (3 if name else 2))
        return list(cursor.fetchall())
