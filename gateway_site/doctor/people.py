"""People: is there an operator? Who may join, a system check says."""

from __future__ import annotations

from collections.abc import Iterator

from accounts.models import User
from gateway_site.doctor.findings import Finding, Subject, many

SUBJECT = Subject("People")


def operators() -> Iterator[Finding]:
    """Whether somebody can open the admin."""
    count = User.objects.filter(is_staff=True, is_active=True).count()
    if count:
        yield SUBJECT.ok("operators", f"{many(count, 'person', 'people')} can open the admin.")
    else:
        yield SUBJECT.warning(
            "operators",
            "Nobody can open the admin: there is no operator.",
            "Set admin_email to your address and run `python manage.py bootstrap`, or see docs/deploy.md.",
        )
