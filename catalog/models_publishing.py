from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import ExchangeAccount


class Publication(models.Model):
    """An account's publishing under one name: who is at it, and how it went the last time.

    Name and content are kept as digests: they say whether it is the same, and have no length of their own.
    """

    class State(models.TextChoices):
        NOT_PUBLISHED = "not_published", _("not published")
        SENDING = "sending", _("under way")
        PUBLISHED = "published", _("published")
        # it may be at the Exchange or not: look before anything is sent
        UNKNOWN = "unknown", _("not known")

    account = models.ForeignKey(ExchangeAccount, models.CASCADE, related_name="publications")
    name_hash = models.CharField(max_length=64)
    content_hash = models.CharField(max_length=64, blank=True, default="")
    token = models.CharField(max_length=64, blank=True, default="")
    state = models.CharField(max_length=20, choices=State.choices, default=State.NOT_PUBLISHED)
    service_remote_id = models.BigIntegerField(_("number there"), null=True, blank=True)
    # another one at each taking: a slow one that comes back late finds it taken
    lease = models.UUIDField(default=uuid.uuid4, editable=False)
    leased_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("publication")
        verbose_name_plural = _("publications")
        constraints = [
            models.UniqueConstraint(fields=["account", "name_hash"], name="catalog_one_publication_per_name")
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.get_state_display()}"
