"""The JSON API's ground: who calls, how it is answered, how it is refused; and what accounts has in it."""
