"""What other rooms can listen to."""

from __future__ import annotations

from django.dispatch import Signal

exchange_asked = Signal()
"""A call to the Exchange has ended, well or not: with ``outcome`` (exchange.Outcome) and ``breaker``, in the
thread that called. What a listener raises is logged and stops nobody."""
