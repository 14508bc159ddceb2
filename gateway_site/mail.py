"""Mail in development: the text of each message on the terminal, where a person can read it."""

from __future__ import annotations

from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.console import EmailBackend as ConsoleBackend

RULE = "-" * 64


class EmailBackend(ConsoleBackend):
    """The console backend without MIME parts and encodings: who it is for, the subject, the plain text."""

    stream: Any

    def write_message(self, message: EmailMessage) -> None:
        head = f"To: {', '.join(message.to)}\nSubject: {message.subject}"
        text = f"{RULE}\n{head}\n\n{str(message.body).strip()}\n{RULE}\n"
        # a terminal that has not every letter still shows the code
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        self.stream.write(text.encode(encoding, "replace").decode(encoding))
