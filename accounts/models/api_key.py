from __future__ import annotations

from typing import TypeAlias

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Scope(models.TextChoices):
    READ = "read", _("Read")
    RECORD = "record", _("Record")
    PUBLISH = "publish", _("Publish")


class BudgetUnit(models.TextChoices):
    TOKENS = "tokens", _("Tokens")
    USD = "usd", _("US dollars")


class BudgetPeriod(models.TextChoices):
    DAY = "day", _("Per day")
    WEEK = "week", _("Per week")
    MONTH = "month", _("Per month")
    TOTAL = "total", _("In total")


def _usual_scopes() -> list[str]:
    return [Scope.READ.value, Scope.RECORD.value]


class ApiKey(models.Model):
    """A program's lasting identity: what it recorded stays under it, while its secrets come and go.

    A budget's limits are whole tokens or, where its unit is USD, whole nano-dollars; without one, all four
    columns of it are NULL or empty. ``default_service_id`` is the Exchange's number of a service.
    """

    Scope: TypeAlias = Scope
    BudgetUnit: TypeAlias = BudgetUnit
    BudgetPeriod: TypeAlias = BudgetPeriod

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="api_keys", verbose_name=_("user")
    )
    label = models.CharField(_("label"), max_length=100)
    tags = models.JSONField(_("tags"), default=list, blank=True)
    scopes = models.JSONField(_("scopes"), default=_usual_scopes)
    default_service_id = models.BigIntegerField(_("default service"), null=True, blank=True)
    budget_unit = models.CharField(
        _("budget unit"), max_length=6, choices=BudgetUnit.choices, blank=True, default=""
    )
    budget_period = models.CharField(
        _("budget period"), max_length=5, choices=BudgetPeriod.choices, blank=True, default=""
    )
    budget_limit = models.BigIntegerField(_("budget"), null=True, blank=True)
    soft_limit = models.BigIntegerField(_("soft limit"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    budget_unit="", budget_period="", budget_limit__isnull=True, soft_limit__isnull=True
                )
                | Q(
                    budget_unit__in=BudgetUnit.values,
                    budget_period__in=BudgetPeriod.values,
                    budget_limit__gt=0,
                ),
                name="accounts_key_budget_whole_or_none",
            ),
            models.CheckConstraint(
                condition=Q(soft_limit__isnull=True) | Q(soft_limit__gt=0, soft_limit__lt=F("budget_limit")),
                name="accounts_key_soft_limit_below",
            ),
        ]

    def __str__(self) -> str:
        return self.label


class ApiKeySecret(models.Model):
    """One secret of a key, shown once. Kept: its readable prefix, and the SHA-256 of its 256 random bits."""

    key = models.ForeignKey(ApiKey, models.PROTECT, related_name="secrets", verbose_name=_("API key"))
    prefix = models.CharField(_("prefix"), max_length=16, unique=True)
    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    # the form that asked for it: sent twice, it makes one secret
    form_token = models.CharField(max_length=32, null=True, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("API key secret")
        verbose_name_plural = _("API key secrets")

    def __str__(self) -> str:
        return self.prefix
