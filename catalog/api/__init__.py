"""The catalogue in the JSON API."""
