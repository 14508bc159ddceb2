"""What the dashboard shows, gathered without asking the Exchange."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import ExchangeAccount
from usage.models import UsageSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way in; ``action`` names the button that leads to ``url``."""

    title: str
    text: str
    done: bool
    url: str
    action: str


def next_steps(account: ExchangeAccount, snapshot: UsageSnapshot | None) -> list[Step]:
    """The first steps, each ticked off by what is known; none once all are done."""
    counted = snapshot is not None and bool(snapshot.consumed_tokens or snapshot.supplied_tokens)
    steps = [
        Step(
            title=_("Register at the Exchange"),
            text=_("Your account there is what tokens are bought and sold under."),
            done=account.is_registered,
            url=reverse("accounts:settings"),
            action=_("See your account"),
        ),
        Step(
            title=_("Pick a service"),
            text=_("Compare what providers offer, by model family and price."),
            done=counted,
            url=reverse("catalog:services"),
            action=_("Open the catalogue"),
        ),
        Step(
            title=_("Record the first usage"),
            text=_("Tokens that you consumed or supplied, so that both books agree."),
            done=counted,
            url=reverse("usage:record"),
            action=_("Record usage"),
        ),
    ]
    if account.is_provider:
        publish = Step(
            title=_("Publish a service"),
            text=_("What you offer, under your own name and price."),
            done=snapshot is not None and bool(snapshot.service_count),
            url=reverse("catalog:publish"),
            action=_("Publish a service"),
        )
        steps.insert(1, publish)
    return [] if all(step.done for step in steps) else steps
