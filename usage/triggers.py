"""What makes the ledger append-only, whoever writes: triggers in the database itself.

Refused: UPDATE, DELETE, TRUNCATE, inserting over a row, and a reversal that is none. SQLite loses triggers
when a migration makes a table anew: ``post_migrate`` puts them back, and verify_ledger looks.
"""

from __future__ import annotations

from accounts.append_only import Triggers
from usage.models import LedgerEntry

TABLE = LedgerEntry._meta.db_table
REFUSED = "the ledger is append-only"
NO_REVERSAL = "a reversal repeats an entry of its own chain"

# what a reversal must share with its entry; the constraint on the pair sees that there is only one
_REVERSED = f"""
    SELECT 1 FROM {TABLE} AS was
    WHERE was.account_id = NEW.account_id AND was.seq = NEW.reverses_seq AND was.reverses_seq IS NULL
    AND was.service_id = NEW.service_id AND was.direction = NEW.direction
    AND was.prompt_tokens = NEW.prompt_tokens AND was.completion_tokens = NEW.completion_tokens
"""  # noqa: S608 - a name of our own

# REPLACE takes a row away without asking the trigger on DELETE
_THERE = f"""
    SELECT 1 FROM {TABLE} WHERE id = NEW.id
    UNION ALL SELECT 1 FROM {TABLE} WHERE account_id = NEW.account_id AND seq = NEW.seq
    UNION ALL SELECT 1 FROM {TABLE} WHERE account_id = NEW.account_id AND entry_id = NEW.entry_id
    UNION ALL SELECT 1 FROM {TABLE} WHERE hash = NEW.hash
"""  # noqa: S608

_SQLITE = {
    "usage_ledger_no_update": f"BEFORE UPDATE ON {TABLE} BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END",
    "usage_ledger_no_delete": f"BEFORE DELETE ON {TABLE} BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END",
    "usage_ledger_no_replace": (
        f"BEFORE INSERT ON {TABLE} WHEN EXISTS ({_THERE}) BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
    ),
    "usage_ledger_reversal": (
        f"BEFORE INSERT ON {TABLE} WHEN NEW.reverses_seq IS NOT NULL AND NOT EXISTS ({_REVERSED}) "
        f"BEGIN SELECT RAISE(ABORT, '{NO_REVERSAL}'); END"
    ),
}

_POSTGRES_FUNCTIONS = {
    "usage_ledger_refuse": (
        f"BEGIN RAISE EXCEPTION '{REFUSED}' USING ERRCODE = 'integrity_constraint_violation'; END"
    ),
    "usage_ledger_check_reversal": f"""BEGIN
        IF NOT EXISTS ({_REVERSED}) THEN
            RAISE EXCEPTION '{NO_REVERSAL}' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END""",
}
_POSTGRES = {
    "usage_ledger_no_update": f"BEFORE UPDATE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION usage_ledger_refuse()",
    "usage_ledger_no_delete": f"BEFORE DELETE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION usage_ledger_refuse()",
    "usage_ledger_no_truncate": (
        f"BEFORE TRUNCATE ON {TABLE} FOR EACH STATEMENT EXECUTE FUNCTION usage_ledger_refuse()"
    ),
    "usage_ledger_reversal": (
        f"BEFORE INSERT ON {TABLE} FOR EACH ROW WHEN (NEW.reverses_seq IS NOT NULL) "
        "EXECUTE FUNCTION usage_ledger_check_reversal()"
    ),
}

_LEDGER = Triggers(table=TABLE, sqlite=_SQLITE, postgres=_POSTGRES, functions=_POSTGRES_FUNCTIONS)

install, drop, missing = _LEDGER.install, _LEDGER.drop, _LEDGER.missing
lifted, reinstall = _LEDGER.lifted, _LEDGER.reinstall
_triggers = _LEDGER.of
