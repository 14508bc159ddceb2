"""The configuration: what the system checks say, in live those of a deployment too."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.core import checks as django_checks

from gateway_site.doctor.findings import Finding, Subject

SUBJECT = Subject("Configuration")
SEEN_CLOSER = ("gateway_site.W010",)
"""What another probe looks at more closely: collected static files."""


def checks() -> Iterator[Finding]:
    """What `manage.py check` says, with --deploy where the environment is live: addresses, secrets and who
    can read them, proxies, cookies, mail, who may join.
    """
    found = django_checks.run_checks(include_deployment_checks=settings.LIVE)
    wrong = [one for one in found if one.level >= django_checks.WARNING and not one.is_silenced()]
    wrong = [one for one in wrong if one.id not in SEEN_CLOSER]
    for one in wrong:
        advice = one.hint or "docs/deploy.md says what is wanted."
        say = SUBJECT.problem if one.level >= django_checks.ERROR else SUBJECT.warning
        yield say("checks", f"{one.msg} ({one.id})", advice)
    if not wrong:
        environment = settings.TOKLIGENCE.environment
        yield SUBJECT.ok("checks", f"The system checks pass; environment is {environment}.")
