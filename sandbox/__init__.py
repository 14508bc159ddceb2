"""A stand-in Token Exchange: it speaks docs/exchange-contract.yaml over HTTP, with a database of its own.

For development, rehearsal and tests; `environment=live` refuses it. The gateway meets it over HTTP alone.
"""
