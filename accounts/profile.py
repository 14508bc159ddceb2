"""What a person says of themselves."""

from __future__ import annotations

from django.db import transaction

from accounts import audit
from accounts.models import User


def rename(user: User, display_name: str) -> None:
    """Keep the display name.

    The Exchange hears of it with the next registration, unless it lists a provider's own.
    """
    if display_name == user.display_name:
        return
    with transaction.atomic():
        user.display_name = display_name
        user.save(update_fields=["display_name"])
        audit.note("person.renamed", subject=audit.of_person(user))
