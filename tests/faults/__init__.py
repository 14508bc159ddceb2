"""What happens to the ledger when processes die, the Exchange misbehaves and everybody comes at once.

Real processes, real kills, real HTTP, on the database of the run: see ``site.py`` for how.
"""
