"""Tokens as people write them: the field of ``accounts``, which budgets are typed in too."""

from accounts.token_field import NUMERIC, TokensField

__all__ = ["NUMERIC", "TokensField"]
