"""The dispute pack: an account's entries with all that proves them, in one zip that a stranger can check.

What is in it, and each rule by which it is checked: docs/evidence.md. The program that checks is verify.py:
a member of every pack, which uses nothing of this project.
"""

from usage.evidence.pack import Pack, export

__all__ = ["Pack", "export"]
