from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from accounts.session_store import SessionStore


class Session(AbstractBaseSession):
    """One browser's session, with what its owner needs to recognise it in a list.

    The columns repeat what the session's data holds, so that they can be searched; ``public_id`` names the
    session in pages, because the key itself is the secret in the cookie.
    """

    public_id = models.UUIDField(unique=True, null=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="sessions")
    label = models.CharField(_("browser"), max_length=80, blank=True, default="")
    network = models.CharField(_("network"), max_length=64, blank=True, default="")
    started_at = models.DateTimeField(_("started"), null=True)
    seen_at = models.DateTimeField(_("last used"), null=True)

    def __str__(self) -> str:
        return f"{self.label} ({self.network})"

    @classmethod
    def get_session_store_class(cls) -> type[SessionStore]:
        from accounts.session_store import SessionStore

        return SessionStore
