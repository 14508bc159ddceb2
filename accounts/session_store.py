"""Sessions in the database, each with its owner: a session engine as Django's documentation shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from accounts.models.session import Session

FACTS = "facts"
"""Where the session's data keeps ``{public_id, label, network, started_at, seen_at}``, times as ISO text."""


class SessionStore(DatabaseStore):
    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _validate_session_key(self, key: str | None) -> bool:
        # a cookie can hold anything, a NUL at which PostgreSQL raises too; our keys are letters and digits
        return bool(key) and str(key).isascii() and str(key).isalnum() and 8 <= len(str(key)) <= 40

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """The row for this session: its owner and facts are copied to columns, where they can be searched."""
        row = cast("Session", super().create_model_instance(data))
        if SESSION_KEY in data:
            row.user_id = int(data[SESSION_KEY])
        facts = data.get(FACTS)
        if facts:
            row.public_id = UUID(facts["public_id"])
            row.label, row.network = facts["label"], facts["network"]
            row.started_at = datetime.fromisoformat(facts["started_at"])
            row.seen_at = datetime.fromisoformat(facts["seen_at"])
        return row
