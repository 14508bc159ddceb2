from __future__ import annotations

import json
from typing import Any, TypeAlias

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models.api_key import ApiKey
from accounts.models.exchange import ExchangeAccount

LONGEST_NAME, LONGEST_DETAIL = 200, 2000


class Action(models.TextChoices):
    """Everything that is noted. accounts.audit refuses what is not in this list."""

    CODE_ASKED = "code.asked", _("Sign-in code asked for")
    SESSION_BEGAN = "session.began", _("Signed in")
    SESSION_REFUSED = "session.refused", _("Sign-in refused")
    SESSION_CLOSED = "session.closed", _("Signed out")
    SESSION_ENDED = "session.ended", _("Session ended")
    OTHERS_ENDED = "session.others_ended", _("All other sessions ended")
    ALL_ENDED = "session.all_ended", _("All sessions ended")
    PERSON_JOINED = "person.joined", _("Joined")
    PERSON_ADDED = "person.added", _("Person added")
    PERSON_CHANGED = "person.changed", _("Person changed")
    PERSON_RENAMED = "person.renamed", _("Display name changed")
    OPERATOR_GIVEN = "person.operator_given", _("Made an operator")
    OPERATOR_TAKEN = "person.operator_taken", _("No longer an operator")
    ACCOUNT_REGISTERED = "account.registered", _("Registered at the Exchange")
    ACCOUNT_PROVIDER = "account.provider", _("Became a provider")
    KEY_MADE = "key.made", _("API key made")
    KEY_CHANGED = "key.changed", _("API key changed")
    KEY_BUDGET = "key.budget_changed", _("Budget changed")
    KEY_ROTATED = "key.rotated", _("API key rotated")
    KEY_REVOKED = "key.revoked", _("API key revoked")
    KEY_REFUSED = "key.refused", _("API key refused")
    SERVICE_PUBLISHED = "service.published", _("Service published")
    SERVICE_UPDATED = "service.updated", _("Service updated")
    SHRINK_ACCEPTED = "catalogue.shrink_accepted", _("Shrunken catalogue accepted")
    ENTRY_REVERSED = "entry.reversed", _("Entry reversed")
    DELIVERY_SETTLED = "delivery.settled", _("Delivery settled by hand")
    DIFFERENCE_ACKNOWLEDGED = "difference.acknowledged", _("Difference acknowledged")
    QUARANTINE_RECORDED = "quarantine.recorded", _("Quarantined rows recorded")
    QUARANTINE_DISCARDED = "quarantine.discarded", _("Quarantined rows discarded")
    EVIDENCE_EXPORTED = "evidence.exported", _("Evidence exported")
    LOGS_EXPORTED = "logs.exported", _("Logs exported")
    BOOKS_RESTORED = "books.restored", _("Restored backup settled")
    BOOKS_REBUILT = "books.rebuilt", _("Derived figures made again")
    ADMIN_ADDED = "admin.added", _("Added in the admin")
    ADMIN_CHANGED = "admin.changed", _("Changed in the admin")
    ADMIN_DELETED = "admin.deleted", _("Deleted in the admin")
    SITE_BOOTSTRAPPED = "site.bootstrapped", _("Site bootstrapped")
    AUDIT_EXPORTED = "audit.exported", _("Audit trail exported")
    AUDIT_PRUNED = "audit.pruned", _("Audit trail pruned")


class Source(models.TextChoices):
    PAGE = "page", _("Page")
    API = "api", _("API")
    COMMAND = "command", _("Command")
    ADMIN = "admin", _("Admin")
    SYSTEM = "system", _("System")


class Outcome(models.TextChoices):
    DONE = "done", _("Done")
    REFUSED = "refused", _("Refused")
    FAILED = "failed", _("Failed")


class SubjectKind(models.TextChoices):
    """What an action can be done to."""

    KEY = "key", _("key")
    PERSON = "person", _("person")
    GROUP = "group", _("group")
    SESSION = "session", _("session")
    ACCOUNT = "account", _("account")
    SERVICE = "service", _("service")
    CATALOGUE = "catalogue", _("catalogue")
    ENTRY = "entry", _("entry")
    RUN = "run", _("reconciliation")
    QUARANTINE = "quarantine", _("quarantine")
    EVIDENCE = "evidence", _("dispute pack")
    BOOKS = "books", _("books")
    OTHER = "other", _("object")


class AuditEvent(models.Model):
    """Somebody did something, or was refused it. Append-only: accounts.auditing.triggers.

    ``email`` is the actor's address as it was, or the one that somebody without a session named.
    ``pruned_before`` is set in a note of pruning alone: the database lets go what is older than one says.
    """

    Action: TypeAlias = Action
    Source: TypeAlias = Source
    Outcome: TypeAlias = Outcome
    SubjectKind: TypeAlias = SubjectKind

    at = models.DateTimeField(_("at"))
    # no constraint: while an upgrade rolls, a new action is noted beside programs that do not know it
    action = models.CharField(_("action"), max_length=40, choices=Action.choices)
    outcome = models.CharField(_("outcome"), max_length=7, choices=Outcome.choices)
    source = models.CharField(_("source"), max_length=7, choices=Source.choices)
    # people are made inactive, never deleted, and a row that can be changed by nobody could not let go of one
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        db_index=False,
        related_name="audit_events",
        verbose_name=_("person"),
    )
    email = models.CharField(_("email"), max_length=254, blank=True, default="")
    account = models.ForeignKey(
        ExchangeAccount,
        models.PROTECT,
        null=True,
        db_index=False,
        related_name="audit_events",
        verbose_name=_("account"),
    )
    network = models.CharField(_("network"), max_length=64, blank=True, default="")
    agent = models.CharField(_("browser or program"), max_length=80, blank=True, default="")
    session = models.UUIDField(_("session"), null=True)
    api_key = models.ForeignKey(
        ApiKey,
        models.PROTECT,
        null=True,
        db_index=False,
        related_name="audit_events",
        verbose_name=_("API key"),
    )
    subject_kind = models.CharField(
        _("kind of subject"), max_length=10, choices=SubjectKind.choices, blank=True, default=""
    )
    subject_id = models.CharField(_("subject's number"), max_length=64, blank=True, default="")
    subject_name = models.CharField(_("subject's name"), max_length=LONGEST_NAME, blank=True, default="")
    request_id = models.CharField(_("request id"), max_length=64, blank=True, default="")
    detail = models.TextField(_("detail"), default="{}", help_text=_("Canonical JSON."))
    pruned_before = models.DateTimeField(_("pruned before"), null=True)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        indexes = [
            models.Index(fields=["at", "id"], name="accounts_audit_at"),
            models.Index(fields=["action", "at", "id"], name="accounts_audit_action"),
            models.Index(fields=["source", "at", "id"], name="accounts_audit_source"),
            models.Index(fields=["actor", "at", "id"], name="accounts_audit_actor"),
            models.Index(fields=["email", "id"], name="accounts_audit_email"),
            models.Index(fields=["subject_id", "subject_kind", "id"], name="accounts_audit_subject"),
            models.Index(fields=["request_id", "id"], name="accounts_audit_request"),
            models.Index(fields=["outcome", "at", "id"], name="accounts_audit_outcome"),
            models.Index(
                fields=["pruned_before"],
                name="accounts_audit_pruned",
                condition=Q(pruned_before__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=Outcome.values) & Q(source__in=Source.values),
                name="accounts_audit_outcome_and_source_known",
            ),
            models.CheckConstraint(
                condition=Q(action="audit.pruned", pruned_before__isnull=False)
                | (~Q(action="audit.pruned") & Q(pruned_before__isnull=True)),
                name="accounts_audit_only_pruning_prunes",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.subject}" if self.subject else self.get_action_display()

    @property
    def subject(self) -> str:
        """What it was done to, in words: ``key 12 «First agent»``; "" where the action says it all."""
        kind = str(self.get_subject_kind_display()) if self.subject_kind != SubjectKind.OTHER else ""
        named = f"«{self.subject_name}»" if self.subject_name else ""
        return " ".join(part for part in (kind, self.subject_id, named) if part)

    @property
    def facts(self) -> dict[str, Any]:
        """The detail, read; {} for what is no JSON object."""
        try:
            read = json.loads(self.detail)
        except ValueError:
            return {}
        return read if isinstance(read, dict) else {}

    @property
    def rules(self) -> list[str]:
        """The identifiers of the rules for which it was refused."""
        found = self.facts.get("rules", [])
        return [str(one) for one in found] if isinstance(found, list) else []
