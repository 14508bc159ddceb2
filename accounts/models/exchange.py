from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

ROLE_LABELS = {"consumer": _("Consumer"), "provider": _("Provider")}


class Exchange(models.Model):
    """A Token Exchange, named by its base URL. Another URL is another one, and nothing of theirs mixes."""

    base_url = models.CharField(_("base URL"), max_length=500, unique=True)
    first_used_at = models.DateTimeField(_("first used"), auto_now_add=True)
    # what it has proved once: only then may a report whose answer was lost be sent again
    idempotency_proved_at = models.DateTimeField(_("idempotency proved"), null=True, blank=True)
    reached_at = models.DateTimeField(_("last answered"), null=True, blank=True)
    failed_at = models.DateTimeField(_("last failed"), null=True, blank=True)
    failure = models.CharField(_("last failure"), max_length=500, blank=True, default="")

    class Meta:
        verbose_name = _("Exchange")
        verbose_name_plural = _("Exchanges")

    def __str__(self) -> str:
        return self.base_url


class ExchangeAccount(models.Model):
    """One person at one Exchange: the registration as the Exchange last told it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="exchange_accounts", verbose_name=_("user")
    )
    exchange = models.ForeignKey(
        Exchange, models.PROTECT, related_name="accounts", verbose_name=_("Exchange")
    )
    # NULL until the Exchange has answered: a person may sign in while it is away
    exchange_user_id = models.BigIntegerField(_("user id there"), null=True, blank=True)
    roles = models.JSONField(_("roles"), default=list, blank=True)
    provider_id = models.BigIntegerField(_("provider id there"), null=True, blank=True)
    provider_name = models.TextField(_("provider name"), blank=True, default="")
    provider_description = models.TextField(_("provider description"), blank=True, default="")
    free_granted = models.BigIntegerField(_("free tokens granted"), null=True, blank=True)
    free_used = models.BigIntegerField(_("free tokens used"), null=True, blank=True)
    registered_at = models.DateTimeField(_("registered"), null=True, blank=True)
    refreshed_at = models.DateTimeField(_("as of"), null=True, blank=True)

    class Meta:
        verbose_name = _("Exchange account")
        verbose_name_plural = _("Exchange accounts")
        constraints = [
            models.UniqueConstraint(fields=["user", "exchange"], name="accounts_one_account_per_exchange"),
            models.UniqueConstraint(
                fields=["exchange", "exchange_user_id"], name="accounts_one_person_per_exchange_user"
            ),
            models.UniqueConstraint(
                fields=["exchange", "provider_id"],
                condition=models.Q(provider_id__isnull=False),
                name="accounts_one_person_per_provider",
            ),
        ]

    def __str__(self) -> str:
        return gettext("%(user)s at %(exchange)s") % {"user": self.user, "exchange": self.exchange}

    @property
    def is_registered(self) -> bool:
        return self.exchange_user_id is not None

    @property
    def is_provider(self) -> bool:
        return self.provider_id is not None

    @property
    def role_labels(self) -> list[str]:
        return [str(ROLE_LABELS.get(role, role)) for role in self.roles]

    @property
    def free_left(self) -> int | None:
        """Tokens of the free quota that are left; None where the Exchange gives none."""
        if self.free_granted is None or self.free_used is None:
            return None
        return max(self.free_granted - self.free_used, 0)

    @property
    def free_percent_left(self) -> int | None:
        left = self.free_left
        if left is None or not self.free_granted:
            return None
        return left * 100 // self.free_granted
