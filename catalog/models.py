from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.models import Exchange
from catalog.models_publishing import Publication as Publication

LONGEST_SEARCH = 1600
"""Bytes: PostgreSQL takes no more than 2,700 into an index, and a family has its own place there."""
PICO = Decimal(10) ** 12
LARGEST = 2**63 - 1
ON_OFFER = models.Q(delisted_at=None)
LONGEST_NAME, LONGEST_FAMILY, LONGEST_DESCRIPTION = 400, 200, 10_000
"""Characters; what is longer is cut as it is taken in: an index of PostgreSQL holds 2,700 bytes at most."""


def price_rank(price: Decimal) -> int:
    """Where a price stands among others: pico-dollars per 1,000 tokens, which any database sorts right.

    SQLite would keep a decimal as a float. Prices that differ by less, or above nine million dollars, share a
    rank.
    """
    return min(int((price * PICO).to_integral_value()), LARGEST)


class PriceField(models.CharField):  # type: ignore[type-arg]  # Django cannot subscript it as it runs
    """USD per 1,000 tokens, exact to the last digit: kept as decimal text, read as Decimal."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 50)
        super().__init__(*args, **kwargs)

    def from_db_value(self, value: str | None, *_args: Any) -> Decimal | None:
        return None if value is None else Decimal(value)

    def to_python(self, value: Any) -> Any:
        return value if value is None or isinstance(value, Decimal) else Decimal(value)

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else format(Decimal(value), "f")


class SearchText(models.TextField):  # type: ignore[type-arg]
    """What a search looks through: some columns in one, as any script writes them without case.

    Made anew whenever the row is written. No database here folds the case of every script by itself.
    """

    def __init__(self, *args: Any, of: tuple[str, ...] = (), **kwargs: Any) -> None:
        self.of = of
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("editable", None)
        return name, path, args, {**kwargs, "of": self.of}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        # a line each: no word is found across two of them
        text = "\n".join(str(getattr(model_instance, name)) for name in self.of).casefold()
        text = text.encode()[:LONGEST_SEARCH].decode(errors="ignore")
        setattr(model_instance, self.attname, text)
        return text


class Mirror(models.Model):
    """How well we know one Exchange's catalogue: as of when, what went wrong since, and who is at it."""

    exchange = models.OneToOneField(Exchange, models.PROTECT, related_name="mirror")
    services_etag = models.CharField(max_length=1024, null=True, blank=True)
    providers_etag = models.CharField(max_length=1024, null=True, blank=True)
    refreshed_at = models.DateTimeField(_("as of"), null=True, blank=True)
    failed_at = models.DateTimeField(_("last failed"), null=True, blank=True)
    failure = models.CharField(_("last failure"), max_length=1000, blank=True, default="")
    # services whose provider the Exchange does not list, set aside until it does; the first hundred by name
    orphans = models.JSONField(_("set aside"), default=list, blank=True)
    orphan_count = models.PositiveIntegerField(_("number set aside"), default=0)
    # one up with each service of our own that is taken in as it is published: a list fetched before is older
    edition = models.PositiveBigIntegerField(default=0, editable=False)
    leased_until = models.DateTimeField(_("being refreshed, until"), null=True, blank=True)

    class Meta:
        verbose_name = _("mirror")
        verbose_name_plural = _("mirrors")

    def __str__(self) -> str:
        return str(self.exchange)


class Provider(models.Model):
    """A provider, as the Exchange lists it. What it no longer lists is marked, never deleted."""

    # without an index of its own: that of the constraint begins with it
    exchange = models.ForeignKey(Exchange, models.PROTECT, related_name="providers", db_index=False)
    remote_id = models.BigIntegerField(_("number there"))
    user_remote_id = models.BigIntegerField(_("user number there"))
    display_name = models.TextField(_("name"))
    description = models.TextField(_("description"), blank=True, default="")
    listed_at = models.DateTimeField(_("first listed"))
    delisted_at = models.DateTimeField(_("delisted"), null=True, blank=True)

    class Meta:
        verbose_name = _("provider")
        verbose_name_plural = _("providers")
        constraints = [
            models.UniqueConstraint(fields=["exchange", "remote_id"], name="catalog_one_provider_per_number")
        ]

    def __str__(self) -> str:
        return self.display_name


def _offered(name: str, *columns: str) -> models.Index:
    """An index over what is on offer alone, with all that a page looks up: no row is read to be passed over.

    ``delisted_at`` is in it, although it is always the same there, because SQLite looks at it again.
    """
    return models.Index(fields=[*columns, "delisted_at"], name=name, condition=ON_OFFER)


class Service(models.Model):
    """A service offering, as the Exchange lists it. What it no longer lists is marked, never deleted."""

    exchange = models.ForeignKey(Exchange, models.PROTECT, related_name="services", db_index=False)
    provider = models.ForeignKey(Provider, models.PROTECT, related_name="services")
    remote_id = models.BigIntegerField(_("number there"))
    name = models.TextField(_("name"))
    model_family = models.TextField(_("model family"))
    search_text = SearchText(of=("name", "model_family"))
    price_per_1k_tokens = PriceField(_("USD per 1,000 tokens"))
    price_rank = models.BigIntegerField(editable=False)
    trial_tokens = models.BigIntegerField(_("trial tokens"), default=0)
    listed_at = models.DateTimeField(_("first listed"))
    delisted_at = models.DateTimeField(_("delisted"), null=True, blank=True)

    class Meta:
        verbose_name = _("service")
        verbose_name_plural = _("services")
        constraints = [
            models.UniqueConstraint(fields=["exchange", "remote_id"], name="catalog_one_service_per_number"),
            models.CheckConstraint(
                condition=models.Q(price_rank__gte=0), name="catalog_service_price_not_negative"
            ),
            models.CheckConstraint(
                condition=models.Q(trial_tokens__gte=0), name="catalog_service_trial_not_negative"
            ),
        ]
        # every order that a page offers ends with the number, so that ties never move
        indexes = [
            _offered("catalog_service_by_price", "exchange", "price_rank", "remote_id"),
            _offered("catalog_service_by_trial", "exchange", "trial_tokens", "remote_id"),
            _offered("catalog_service_by_age", "exchange", "listed_at", "remote_id"),
            _offered("catalog_service_by_family", "exchange", "model_family", "price_rank", "remote_id"),
            # and all that a search looks at, so that it reads this instead of the rows
            _offered(
                "catalog_service_by_seller",
                "exchange",
                "provider",
                "search_text",
                "model_family",
                "trial_tokens",
                "price_rank",
                "remote_id",
            ),
            models.Index(
                "exchange",
                Lower("name"),
                "remote_id",
                "delisted_at",
                name="catalog_service_by_name",
                condition=ON_OFFER,
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PriceChange(models.Model):
    """A price as it was first seen, and each one that took its place. Only ever added to."""

    service = models.ForeignKey(Service, models.PROTECT, related_name="price_changes")
    price_per_1k_tokens = PriceField(_("USD per 1,000 tokens"))
    observed_at = models.DateTimeField(_("observed"))

    class Meta:
        verbose_name = _("price change")
        verbose_name_plural = _("price changes")
        ordering = ["-observed_at", "-id"]
        indexes = [models.Index(fields=["service", "observed_at"], name="catalog_price_by_time")]

    def __str__(self) -> str:
        return f"{self.service}: ${self.price_per_1k_tokens}"
