from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import ExchangeAccount


class EvidenceExport(models.Model):
    """One dispute pack that was made: what its digest was, and which part of the books it covers.

    Kept for good, while the pack itself is not: a digest that was handed to somebody can be found again.
    """

    # random, because it is in the address of the pack
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(
        ExchangeAccount,
        models.PROTECT,
        related_name="evidence_exports",
        db_index=False,
        verbose_name=_("account"),
    )
    created_at = models.DateTimeField(_("made"), default=timezone.now)
    digest = models.CharField(_("digest"), max_length=64)
    size = models.BigIntegerField(_("size in bytes"))
    entries = models.BigIntegerField(_("entries"))
    broken = models.BigIntegerField(_("entries that do not hold"), default=0)
    # NULL where no entry is in it
    first_seq = models.BigIntegerField(_("first number"), null=True)
    last_seq = models.BigIntegerField(_("last number"), null=True)
    # of the books at that moment
    head_seq = models.BigIntegerField(_("newest number"))
    head_hash = models.CharField(_("newest hash"), max_length=64)
    # the period that was asked for; up to ``until`` without it
    since = models.DateTimeField(_("since"), null=True)
    until = models.DateTimeField(_("until"), null=True)
    statement_lines = models.BigIntegerField(_("lines of the statement"))
    statement_complete = models.BooleanField(_("statement complete"))

    class Meta:
        verbose_name = _("dispute pack")
        verbose_name_plural = _("dispute packs")
        indexes = [models.Index(fields=["account", "created_at", "id"], name="usage_evidence_by_time")]

    def __str__(self) -> str:
        return f"{self.account}: {self.digest}"


class EvidencePart(models.Model):
    """A piece of a pack while it is kept: in the database, so that whichever machine is asked has it."""

    export = models.ForeignKey(EvidenceExport, models.PROTECT, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        verbose_name = "piece of a dispute pack"
        verbose_name_plural = "pieces of dispute packs"
        constraints = [
            models.UniqueConstraint(fields=["export", "number"], name="usage_evidence_part_once"),
        ]

    def __str__(self) -> str:
        return f"{self.export_id}/{self.number}"
