"""What makes the audit trail append-only: refused are UPDATE, TRUNCATE, inserting over a row, and DELETE.

But for one way: a row goes if a note of pruning stands in the trail itself that says "before" a later time.
So nothing is removed without the trail telling that it was; and such a note is never removed.
"""

from __future__ import annotations

from accounts.append_only import Triggers
from accounts.models import AuditEvent

TABLE = AuditEvent._meta.db_table
REFUSED = "the audit trail is append-only"

_KEPT = f"""
    OLD.pruned_before IS NOT NULL
    OR NOT EXISTS (SELECT 1 FROM {TABLE} AS note WHERE note.pruned_before > OLD.at)
"""  # noqa: S608 - a name of our own
_ABORT = f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"

AUDIT = Triggers(
    table=TABLE,
    sqlite={
        "accounts_audit_no_update": f"BEFORE UPDATE ON {TABLE} {_ABORT}",
        "accounts_audit_no_delete": f"BEFORE DELETE ON {TABLE} WHEN {_KEPT} {_ABORT}",
        # REPLACE takes a row away without asking the trigger on DELETE
        "accounts_audit_no_replace": (
            f"BEFORE INSERT ON {TABLE} WHEN EXISTS (SELECT 1 FROM {TABLE} WHERE id = NEW.id) {_ABORT}"  # noqa: S608
        ),
    },
    postgres={
        "accounts_audit_no_update": (
            f"BEFORE UPDATE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION accounts_audit_refuse()"
        ),
        "accounts_audit_no_delete": (
            f"BEFORE DELETE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION accounts_audit_keep()"
        ),
        "accounts_audit_no_truncate": (
            f"BEFORE TRUNCATE ON {TABLE} FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_refuse()"
        ),
    },
    functions={
        "accounts_audit_refuse": (
            f"BEGIN RAISE EXCEPTION '{REFUSED}' USING ERRCODE = 'integrity_constraint_violation'; END"
        ),
        "accounts_audit_keep": f"""BEGIN
            IF {_KEPT} THEN
                RAISE EXCEPTION '{REFUSED}' USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN OLD;
        END""",
    },
)
