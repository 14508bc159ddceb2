from __future__ import annotations

import re
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

LONGEST_EMAIL = 254
# gateway_site.config_values reads an address by the same rule, for programs without Django
EMAIL = re.compile(
    r"(?=.{1,64}@)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])"
)


def normalise_email(email: str) -> str:
    """The one form in which an address is stored and compared: lower case, no space around it, ASCII.

    A domain of other letters is given the name under which it stands in the DNS: ``bücher.example`` and
    ``xn--bcher-kva.example`` are one mailbox, hence one person. What is no address stays as it is, and
    ``is_mailable`` refuses it.
    """
    email = email.strip().lower()
    local, at, domain = email.rpartition("@")
    if domain.isascii() or len(email) > LONGEST_EMAIL:
        return email
    try:
        name = domain.encode("idna")
        # where letters are lost on the way (ß, a soft hyphen), the mail would go to another domain
        return f"{local}{at}{name.decode()}" if name.decode("idna") == domain else email
    except UnicodeError:
        return email


def is_mailable(email: str) -> bool:
    """Whether mail to this normalised address would leave, and go where it says."""
    return len(email) <= LONGEST_EMAIL and EMAIL.fullmatch(email) is not None


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, **fields: Any) -> User:
        """Add a person. Who exists already raises IntegrityError."""
        return self.create(email=normalise_email(email), **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=normalise_email(username or ""))


class User(AbstractBaseUser, PermissionsMixin):
    """A person, known by an email address. No password: signing in takes a code sent to that address."""

    password = None  # type: ignore[assignment]  # removes the column of the base class

    email = models.EmailField(_("email"), unique=True)
    display_name = models.CharField(_("display name"), max_length=120, blank=True, default="")
    language = models.CharField(
        _("language"), max_length=16, blank=True, default="", help_text=_("Empty: as the browser asks.")
    )
    is_staff = models.BooleanField(_("operator"), default=False, help_text=_("May open the admin."))
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Who is not active cannot sign in, and is signed out at once.")
    )
    joined_at = models.DateTimeField(_("joined"), default=timezone.now, editable=False)
    # moved to sign the person out everywhere: part of what every session must match
    session_epoch = models.PositiveIntegerField(default=0, editable=False)
    # moved to make every browser a new one: part of what a known browser must match
    browsers_epoch = models.PositiveIntegerField(default=0, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")),
                name="accounts_user_email_lower_case",
                violation_error_message=_("The address must be in lower case."),
            ),
        ]

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        self.email = normalise_email(self.email)

    def has_usable_password(self) -> bool:
        return False

    def session_hash(self, secret: str | bytes) -> str:
        """What every session of this person holds that was begun under this secret of the site."""
        return self._get_session_auth_hash(secret)

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        value = f"{self.pk}:{self.session_epoch}"
        return salted_hmac("accounts.User.session", value, secret=secret, algorithm="sha256").hexdigest()
