from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import ExchangeAccount


class VerificationRun(models.Model):
    """One check of an account's books against themselves and against the anchors, as it came out."""

    account = models.ForeignKey(
        ExchangeAccount,
        models.PROTECT,
        related_name="verifications",
        db_index=False,
        verbose_name=_("account"),
    )
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"))
    ok = models.BooleanField(_("intact"))
    entries = models.BigIntegerField(_("entries"))
    head_seq = models.BigIntegerField(_("newest number"))
    head_hash = models.CharField(_("newest hash"), max_length=64)
    # NULL: everything is confirmed by something outside the database
    unanchored_since = models.BigIntegerField(_("unanchored since"), null=True)
    problem_count = models.BigIntegerField(_("problems"), default=0)
    # the first hundred: [{seq, kind, message}]
    problems = models.JSONField(_("problems"), default=list)

    class Meta:
        verbose_name = _("verification")
        verbose_name_plural = _("verifications")
        indexes = [
            models.Index(fields=["account", "started_at", "id"], name="usage_verification_by_time"),
            # of all accounts: the admin
            models.Index(fields=["started_at", "id"], name="usage_verification_of_all"),
            models.Index(fields=["ok", "started_at", "id"], name="usage_verification_by_ok"),
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.problem_count}"
