"""The way in, a step at a time: each ticks itself off by what is known in the database, none by a flag."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import ApiKey, ExchangeAccount
from catalog.models import Provider, Service
from usage.models import Delivery, DeliveryTally, UsageSnapshot

Name = Literal["register", "publish", "pick", "key", "record", "delivered"]
KEY_VARIABLE = "GATEWAY_KEY"
TRY_TOKENS = {"prompt_tokens": 1200, "completion_tokens": 300}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way in; ``action`` names the button that leads to ``url``, ``command`` does it too."""

    name: Name
    title: str
    text: str
    done: bool
    url: str
    action: str
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """All of the steps; ``next`` is the name of the first that is not done, "" once none is left."""

    steps: tuple[Step, ...]

    @property
    def done(self) -> int:
        return sum(step.done for step in self.steps)

    @property
    def is_finished(self) -> bool:
        return self.done == len(self.steps)

    @property
    def percent(self) -> int:
        return 100 * self.done // len(self.steps)

    @property
    def next(self) -> str:
        return next((step.name for step in self.steps if not step.done), "")


def guide_of(account: ExchangeAccount, snapshot: UsageSnapshot | None, seq: int, address: str) -> Guide:
    """How far this account has come. ``seq``: its newest entry's number; ``address``: where entries are sent.

    What is asked of the database ends with the first entry that the Exchange has counted: from then on the
    way in lies behind, a key or none. One query then, and for a provider one more; before, two more.
    """
    delivered = seq > 0 and _is_delivered(account)
    keys = [] if delivered else list(_keys(account))
    counted = snapshot is not None and bool(snapshot.consumed_tokens or snapshot.supplied_tokens)
    picked = seq > 0 or counted or any(number is not None for number in keys)
    steps = [
        Step(
            name="register",
            title=_("Register at the Exchange"),
            text=_("Done for you at sign-in: your account there is what tokens are bought and sold under."),
            done=account.is_registered,
            url=reverse("accounts:settings"),
            action=_("See your account"),
        ),
        Step(
            name="pick",
            title=_("Pick a service"),
            text=_("Compare by model family and price. Name the one you choose when you make a key."),
            done=picked,
            url=reverse("catalog:services"),
            action=_("Browse services"),
        ),
        Step(
            name="key",
            title=_("Make a key"),
            text=_("Your program reports its usage with it. The secret is shown once."),
            # who got an entry counted without one needs none
            done=delivered or bool(keys),
            url=reverse("accounts:key_new"),
            action=_("New API key"),
        ),
        Step(
            name="record",
            title=_("Record the first entry"),
            text=_("Send it with your key, or record it by hand."),
            done=seq > 0,
            url=reverse("usage:record"),
            action=_("Record by hand"),
            command=_command(address, None if delivered else _service_for(account, keys)),
        ),
        Step(
            name="delivered",
            title=_("See it delivered"),
            text=_("The worker reports it within seconds; this page shows when the Exchange has counted it."),
            done=delivered,
            url=reverse("usage:logs"),
            action=_("Open the logs"),
        ),
    ]
    if account.is_provider:
        publish = Step(
            name="publish",
            title=_("Publish a service"),
            text=_("What you offer, under your own name and price."),
            done=_has_published(account, snapshot),
            url=reverse("catalog:publish"),
            action=_("Publish a service"),
        )
        steps.insert(1, publish)
    return Guide(steps=tuple(steps))


def _is_delivered(account: ExchangeAccount) -> bool:
    tallies = DeliveryTally.objects.filter(account=account, state=Delivery.State.DELIVERED, entries__gt=0)
    return tallies.exists()


def _keys(account: ExchangeAccount) -> Sequence[int | None]:
    """The default service of each key that works, None where it has none."""
    keys = ApiKey.objects.filter(user=account.user_id, revoked_at=None).exclude(
        expires_at__lte=timezone.now()
    )
    keys = keys.order_by("pk")
    return list(keys.values_list("default_service_id", flat=True))


def _has_published(account: ExchangeAccount, snapshot: UsageSnapshot | None) -> bool:
    if snapshot is not None and snapshot.service_count:
        return True
    mine = Provider.objects.filter(exchange=account.exchange_id, remote_id=account.provider_id or 0)
    return mine.filter(services__delisted_at=None, services__isnull=False).exists()


def _service_for(account: ExchangeAccount, keys: Sequence[int | None]) -> int | None:
    """The service that the example names: none where a key knows its own, else the cheapest there is."""
    if any(number is not None for number in keys):
        return None
    offered = Service.objects.filter(exchange=account.exchange_id, delisted_at=None)
    cheapest = offered.order_by("price_rank", "remote_id").values_list("remote_id", flat=True).first()
    return 1 if cheapest is None else cheapest


def _command(address: str, service: int | None) -> str:
    which = "" if service is None else f'"service_id": {service}, '
    # in two lines, so that it is as large with a service as without
    entry = f'{{{which}"direction": "consume",\n       {json.dumps(TRY_TOKENS)[1:]}'
    lines = (
        f"curl {address}",
        f'-H "Authorization: Bearer ${KEY_VARIABLE}"',
        "-H 'Content-Type: application/json'",
        f"-d '{entry}'",
    )
    return " \\\n  ".join(lines)
