"""The site's navigation: what each role may do, as links. The only place that knows the pages of all apps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import registration


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A link to a view. ``current``: this is the page; ``open``: the page is this one or of its section."""

    title: str
    view: str
    section: str = ""
    """What the names of the section's views begin with; empty: only ``view`` itself."""
    but: str = ""
    """A view whose name begins so too, and that is a section of its own."""
    under: tuple[str, ...] = ()
    """Views of pages that lie under this one, whatever they are called."""
    icon: str = ""
    current: bool = False
    open: bool = False
    children: tuple[Item, ...] = ()

    @property
    def url(self) -> str:
        return reverse(self.view)


def shell(request: HttpRequest) -> dict[str, Any]:
    """``nav`` for the side and ``tabs`` for the bar of narrow screens; both empty for a stranger."""
    if not hasattr(request, "user") or not request.user.is_authenticated:
        return {"nav": (), "tabs": ()}
    account = registration.account_of_request(request)
    dashboard = Item(title=_("Dashboard"), view="usage:dashboard", icon="home")
    services = [
        Item(title=_("Providers"), view="catalog:providers"),
        Item(title=_("Services"), view="catalog:services"),
        Item(title=_("Compare"), view="catalog:compare"),
    ]
    if account and account.is_provider:
        services.append(Item(title=_("Publish a service"), view="catalog:publish"))
    catalogue = Item(
        title=_("Catalogue"),
        view="catalog:services",
        section="catalog:",
        icon="rectangle-stack",
        children=tuple(services),
    )
    usage = Item(
        title=_("Usage"),
        view="usage:summary",
        section="usage:",
        but=dashboard.view,
        icon="chart-bar",
        children=(
            Item(title=_("Summary"), view="usage:summary"),
            Item(
                title=_("Logs"),
                view="usage:logs",
                under=(
                    "usage:entry",
                    "usage:reverse",
                    "usage:settle",
                    "usage:quarantine",
                    "usage:quarantine_row",
                    "usage:quarantine_record",
                    "usage:quarantine_discard",
                ),
            ),
            Item(
                title=_("Reconciliation"),
                view="usage:reconciliation",
                under=(
                    "usage:reconciliation_run",
                    "usage:acknowledge",
                    "usage:evidence",
                    "usage:evidence-pack",
                ),
            ),
            Item(title=_("Record usage"), view="usage:record"),
        ),
    )
    settings = Item(
        title=_("Settings"),
        view="accounts:settings",
        section="accounts:",
        icon="cog-6-tooth",
        children=(
            Item(title=_("Account"), view="accounts:settings", under=("accounts:activity",)),
            Item(
                title=_("API keys"),
                view="accounts:keys",
                under=("accounts:key_new", "accounts:key", "accounts:key_rotate", "accounts:key_revoke"),
            ),
        ),
    )
    nav = [dashboard, catalogue, usage, settings]
    tabs = [
        replace(dashboard, title=_("Home")),
        replace(catalogue, children=()),
        replace(usage, children=()),
        replace(settings, children=()),
    ]
    if request.user.is_staff:
        admin = Item(title=_("Admin"), view="admin:index", section="admin:", icon="wrench-screwdriver")
        nav.append(admin)
        tabs.append(admin)
    here = request.resolver_match.view_name if request.resolver_match else ""
    return {"nav": tuple(_mark(item, here) for item in nav), "tabs": tuple(_mark(tab, here) for tab in tabs)}


def _mark(item: Item, here: str) -> Item:
    children = tuple(_mark(child, here) for child in item.children)
    below = any(child.current for child in children)
    of_section = bool(item.section) and here.startswith(item.section) and here != item.but
    inside = here == item.view or here in item.under or of_section
    return replace(item, children=children, current=here == item.view and not below, open=below or inside)
