"""The ledger in the JSON API."""
