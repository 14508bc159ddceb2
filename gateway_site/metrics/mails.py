"""Mail through a server, counted."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend

from gateway_site.metrics import figures


class EmailBackend(SmtpBackend):
    """Django's, and a figure for each message that the server took or did not."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        sent = 0
        try:
            sent = super().send_messages(email_messages) or 0
        finally:
            figures.mails_total.labels("sent").inc(sent)
            figures.mails_total.labels("failed").inc(len(email_messages) - sent)
        return sent
