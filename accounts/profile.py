"""What a person says of themselves."""

from __future__ import annotations

from accounts.models import User


def rename(user: User, display_name: str) -> None:
    """Keep the display name.

    The Exchange hears of it with the next registration, unless it lists a provider's own.
    """
    user.display_name = display_name
    user.save(update_fields=["display_name"])
