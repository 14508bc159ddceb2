from __future__ import annotations

import shutil
import sys
from typing import Any

from django.core.management.base import CommandParser

from accounts.commands import GatewayCommand
from accounts.models.user import is_mailable, normalise_email
from gateway_site.doctor import mailing
from gateway_site.doctor.examining import Visit, examine
from gateway_site.doctor.telling import WIDTH, told


def address(text: str) -> str:
    """An email address; ValueError for anything else."""
    email = normalise_email(text)
    if not is_mailable(email):
        raise ValueError
    return email


class Command(GatewayCommand):
    help = (
        "Look at everything that this site needs, and say what is wrong and what to do next. Changes nothing."
    )
    # what the checks say is among the findings
    requires_system_checks = ()  # type: ignore[assignment]  # Django takes "__all__" or a list of tags

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--send-test-mail", type=address, metavar="ADDRESS", help="Also send a mail to this address."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        more = []
        if to := options["send_test_mail"]:
            more.append(Visit(mailing.SUBJECT, mailing.test_mail(to), needs_database=False))
        findings = examine(more)
        sick = any(one.level == "problem" for one in findings)
        if options["json"]:
            self.print_document({"ok": not sick, "findings": findings})
        else:
            width = min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH + 20)
            self.stdout.write(told(findings, all_of_it=options["verbosity"] > 1, width=width))
        if sick:
            self.stdout.flush()
            sys.exit(1)
