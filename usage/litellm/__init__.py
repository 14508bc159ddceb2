"""What LiteLLM's ``generic_api`` callback sends: read row by row, judged, placed, taken, or quarantined."""
