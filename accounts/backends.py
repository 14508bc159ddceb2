from __future__ import annotations

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts.models import User


class EmailCodeBackend(ModelBackend):
    """Django's permissions for its admin. It authenticates nobody: ``accounts.sign_in`` does, with a code."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: object,
    ) -> User | None:
        return None
