"""What a list of the catalogue can be narrowed by: the same names in the URL, the form and the query."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, ClassVar

import django_filters  # type: ignore[import-untyped]
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import Exchange
from catalog.models import Provider, Service, price_rank
from catalog.text_search import MOST_WORDS, contains

_NOTHING = (None, "", False)


class WordsField(forms.CharField):
    """Words that must all be found. Only so many, because each is looked for in every row."""

    def validate(self, value: str) -> None:
        super().validate(value)
        if len(value.split()) > MOST_WORDS:
            raise ValidationError(_("Look for ten words at the most."))


class TickField(forms.Field):
    """1 is yes; whatever else an address may say is no."""

    def to_python(self, value: Any) -> bool:
        return isinstance(value, str) and value == "1"


class WordsFilter(django_filters.CharFilter):  # type: ignore[misc]  # django-filter comes without types
    field_class = WordsField


class NumberOfFilter(django_filters.Filter):  # type: ignore[misc]
    field_class = forms.IntegerField


class PriceFilter(django_filters.Filter):  # type: ignore[misc]
    field_class = forms.DecimalField


class TickFilter(django_filters.Filter):  # type: ignore[misc]
    field_class = TickField


class MirrorFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Filters over one Exchange's rows. One that is not understood is left out; ``form.errors`` says so."""

    read_all: ClassVar[frozenset[str]] = frozenset()
    """Filters for which every row has to be looked at."""

    delisted = TickFilter(label=_("No longer offered"), method="with_delisted")

    def __init__(self, data: Mapping[str, str], *, exchange: Exchange) -> None:
        self.exchange = exchange
        rows = self._meta.model.objects.filter(exchange=exchange)
        # given as a plain dictionary: of a parameter that comes twice, the last counts
        super().__init__({name: data[name] for name in data}, rows)

    def narrowed(self, *, without: Collection[str] = (), frequent: bool = False) -> QuerySet[Any]:
        """The rows that fit every filter but those of ``without``, in no order.

        ``frequent``: so many fit that the first of them are soon met along an index, in whatever order.
        """
        rows: QuerySet[Any] = self.queryset.all()
        if not frequent and self.chosen.keys() & self.read_all:
            # an index would send the database back and forth through the table, several times as slowly:
            # asked for a sum, which no index has, it reads the rows as they lie
            every = self._meta.model.objects.alias(place=F("exchange_id") + 0)
            rows = every.filter(place=self.exchange.pk)
        for name, value in self.form.cleaned_data.items():
            if name not in without:
                rows = self.filters[name].filter(rows, value)
        return rows

    @property
    def chosen(self) -> dict[str, str]:
        """What was asked for, as it belongs into a URL: nothing that is empty, or was not understood."""
        self.form.is_valid()
        asked = self.form.cleaned_data.items()
        return {name: self._written(name, value) for name, value in asked if value not in _NOTHING}

    def _written(self, name: str, value: Any) -> str:
        if value is True:
            return "1"
        # a price as it was typed: another zero at its end is another price to nobody
        return self.data[name].strip() if isinstance(value, Decimal) else str(value)

    def with_delisted(self, rows: QuerySet[Any], _name: str, wanted: bool) -> QuerySet[Any]:
        return rows if wanted else rows.filter(delisted_at=None)


class ServiceFilter(MirrorFilter):
    """Services by what a buyer asks. ``own``: the number of the person's own provider, if there is one."""

    read_all = frozenset({"q", "max_price", "trial"})

    q = WordsFilter(label=_("Search"), method="with_words", max_length=200)
    family = django_filters.CharFilter(label=_("Model family"), field_name="model_family", strip=False)
    provider = NumberOfFilter(label=_("Provider"), method="of_provider", min_value=1, max_value=2**63 - 1)
    # twelve places, as far as price_rank tells prices apart
    max_price = PriceFilter(
        label=_("Highest price"),
        method="up_to_price",
        min_value=Decimal(0),
        max_value=Decimal(1_000_000),
        max_digits=19,
        decimal_places=12,
    )
    trial = TickFilter(label=_("With trial tokens"), method="with_trial")
    mine = TickFilter(label=_("Mine"), method="of_own")

    class Meta:
        model = Service
        fields: list[str] = []

    def __init__(self, data: Mapping[str, str], *, exchange: Exchange, own: int | None = None) -> None:
        super().__init__(data, exchange=exchange)
        self.own = own

    def with_words(self, rows: QuerySet[Service], _name: str, text: str) -> QuerySet[Service]:
        for word in text.split():
            # providers are few: they are looked through once, not once for each service
            sellers = Provider.objects.filter(contains("display_name", word), exchange=self.exchange)
            sold = Q(provider__in=sellers.values("pk"))
            rows = rows.filter(Q(search_text__contains=word.casefold()) | sold)
        return rows

    def of_provider(self, rows: QuerySet[Service], _name: str, number: int) -> QuerySet[Service]:
        sellers = Provider.objects.filter(exchange=self.exchange, remote_id=number)
        return rows.filter(provider__in=sellers.values("pk"))

    def up_to_price(self, rows: QuerySet[Service], _name: str, price: Decimal) -> QuerySet[Service]:
        return rows.filter(price_rank__lte=price_rank(price))

    def with_trial(self, rows: QuerySet[Service], _name: str, wanted: bool) -> QuerySet[Service]:
        return rows.filter(trial_tokens__gt=0) if wanted else rows

    def of_own(self, rows: QuerySet[Service], name: str, wanted: bool) -> QuerySet[Service]:
        if not wanted:
            return rows
        return rows.none() if self.own is None else self.of_provider(rows, name, self.own)


class ProviderFilter(MirrorFilter):
    """Providers by words in their names and descriptions."""

    q = WordsFilter(label=_("Search"), method="with_words", max_length=200)

    class Meta:
        model = Provider
        fields: list[str] = []

    def with_words(self, rows: QuerySet[Provider], _name: str, text: str) -> QuerySet[Provider]:
        for word in text.split():
            rows = rows.filter(contains("display_name", word) | contains("description", word))
        return rows
