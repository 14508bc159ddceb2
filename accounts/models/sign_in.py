from __future__ import annotations

from typing import TypeAlias

from django.db import models
from django.utils.translation import gettext_lazy as _


class SignInCode(models.Model):
    """A code that was asked for: its hash, the browser that may use it, and what has been tried."""

    email = models.EmailField()
    browser = models.CharField(
        max_length=64, unique=True, help_text="SHA-256 of what the browser's session holds."
    )
    code_hash = models.CharField(
        max_length=64, help_text="HMAC-SHA-256; empty when no code was sent.", blank=True
    )
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    tries = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("sign-in code")
        verbose_name_plural = _("sign-in codes")

    def __str__(self) -> str:
        return self.email


class AttemptOutcome(models.TextChoices):
    SENT = "sent", _("Code sent")
    WITHHELD = "withheld", _("No code sent: not known here")
    MAIL_FAILED = "mail_failed", _("Mail could not be sent")
    LIMITED = "limited", _("Refused: too many")
    WRONG = "wrong", _("Wrong code")
    SIGNED_IN = "signed_in", _("Signed in")


class SignInAttempt(models.Model):
    """What was tried at the door, and how it ended: for the limits, and for the operator to read."""

    Outcome: TypeAlias = AttemptOutcome

    at = models.DateTimeField(_("at"), db_index=True)
    email = models.EmailField(_("email"))
    network = models.CharField(_("network"), max_length=64)
    wider_network = models.CharField(max_length=64, blank=True, default="", editable=False)
    browser = models.CharField(
        _("known browser"),
        max_length=64,
        blank=True,
        default="",
        help_text=_("Set when this browser had signed in before."),
    )
    outcome = models.CharField(_("outcome"), max_length=12, choices=AttemptOutcome.choices)

    class Meta:
        verbose_name = _("sign-in attempt")
        verbose_name_plural = _("sign-in attempts")
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["email", "at"], name="accounts_attempt_email"),
            models.Index(fields=["network", "at"], name="accounts_attempt_network"),
            models.Index(fields=["wider_network", "at"], name="accounts_attempt_wider"),
            models.Index(
                fields=["browser", "at"], name="accounts_attempt_browser", condition=~models.Q(browser="")
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(outcome__in=AttemptOutcome.values), name="accounts_attempt_outcome_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email}: {self.get_outcome_display()}"
