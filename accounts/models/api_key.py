from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class ApiKey(models.Model):
    """A program's lasting identity: what it recorded stays under it, while its secrets come and go."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="api_keys", verbose_name=_("user")
    )
    label = models.CharField(_("label"), max_length=100)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return self.label


class ApiKeySecret(models.Model):
    """One secret of a key, shown once. Kept: its readable prefix, and the SHA-256 of its 256 random bits."""

    key = models.ForeignKey(ApiKey, models.PROTECT, related_name="secrets", verbose_name=_("API key"))
    prefix = models.CharField(_("prefix"), max_length=16, unique=True)
    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("API key secret")
        verbose_name_plural = _("API key secrets")

    def __str__(self) -> str:
        return self.prefix
