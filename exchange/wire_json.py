"""JSON as the contract means it: prices are exact decimals in both directions, and no number is a trap.

Python's own reader turns 0.1 into a float, whose dust would end up in money, and spends minutes or gigabytes
on numbers like 1e999999999. So numbers with a point or exponent become Decimal, and absurd ones are refused.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Never

_MAX_DIGITS = 64
_MAX_EXPONENT = 300  # a double's range, so that a number can always be written again as a float
# Far deeper than the contract's documents, and shallow enough for whatever later writes the value again.
_MAX_DEPTH = 50
_HOLDERS = frozenset({dict, list})


class WireError(ValueError):
    """Text that is not the JSON which the contract promises; the message says what is wrong, for a person."""


def loads(data: bytes) -> Any:
    """The JSON document in these UTF-8 bytes; raises WireError for anything else."""
    try:
        value = json.loads(
            data.decode("utf-8-sig"), parse_float=_decimal, parse_int=_integer, parse_constant=_constant
        )
        _require_shallow(value)
        return value
    except WireError:
        raise
    except UnicodeDecodeError:
        raise WireError("it is not UTF-8") from None
    except RecursionError:
        raise WireError("it is nested too deeply") from None
    except ValueError:
        raise WireError("it is not JSON") from None


def dumps(value: object) -> bytes:
    """JSON in UTF-8, each Decimal digit by digit: Decimal("0.10") is sent as 0.10, 1E-7 as 0.0000001.

    Raises ValueError for what JSON or the contract cannot say (NaN, a float, a lone surrogate).
    """
    return _encode(value).encode("utf-8")


def is_bounded(number: Decimal) -> bool:
    """Whether the number is finite and of a size that can be written out without harm."""
    return (
        number.is_finite()
        and len(number.as_tuple().digits) <= _MAX_DIGITS
        and -_MAX_EXPONENT <= number.as_tuple().exponent <= _MAX_EXPONENT  # type: ignore[operator]
    )


def _encode(value: object) -> str:
    if isinstance(value, Decimal):
        if not is_bounded(value):
            raise ValueError(f"The number {value} cannot be sent.")
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_encode(str(key))}:{_encode(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_encode(item) for item in value) + "]"
    if value is None or isinstance(value, bool | int | str):
        return json.dumps(value, ensure_ascii=False)
    raise ValueError(f"A {type(value).__name__} cannot be sent as JSON.")


def _require_shallow(value: Any) -> None:
    level: list[Any] = [value] if type(value) in _HOLDERS else []
    for _depth in range(_MAX_DEPTH):
        level = [
            item
            for holder in level
            for item in (holder.values() if type(holder) is dict else holder)
            if type(item) in _HOLDERS
        ]
        if not level:
            return
    raise WireError("it is nested too deeply")


def _decimal(token: str) -> Decimal:
    # The token's length is looked at first: a Decimal of a million digits is itself the harm.
    if len(token) > _MAX_DIGITS + 8:
        raise WireError("it has a number with too many digits")
    number = Decimal(token)
    if not is_bounded(number):
        raise WireError("it has a number that is out of any sensible range")
    return number


def _integer(token: str) -> int:
    if len(token) > _MAX_DIGITS:
        raise WireError("it has a number with too many digits")
    return int(token)


def _constant(token: str) -> Never:
    raise WireError(f"{token} is not a JSON number")
