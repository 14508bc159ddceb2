"""Writing members into a zip, whose digest covers every byte of each.

The same members have the same digest on every machine: it is computed over what they hold, not over how some
zlib has compressed it.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import IO, Any, Self

from usage.evidence.verify import FORMAT, MANIFEST, MEMBERS

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member: a zip cannot be without, and the same books shall make the same file."""
LEVEL = 6
Write = Callable[[bytes], object]


def encoded(value: Any) -> bytes:
    """Canonical JSON in UTF-8: keys sorted, no spaces. A Decimal, as only Exchanges send, is a JSON number.

    Raises ValueError for what UTF-8 cannot say.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_number
    )
    return text.encode()


class MemberWriter:
    """Writes the members one after the other into a seekable file, and at last the manifest of them all.

    A context manager: what is left before ``finish`` is no pack.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(stream, "w")
        self._members: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # after a failure there may be no place for the end of a zip either
        with suppress(OSError, ValueError):
            self._zip.close()

    @contextmanager
    def member(self, name: str) -> Iterator[Write]:
        """Write one member piece by piece."""
        digest, size = hashlib.sha256(), 0
        # not said to be larger than it may become, a file of over two gigabytes would fail at its end
        with self._zip.open(_info(name), "w", force_zip64=True) as file:

            def write(data: bytes) -> None:
                nonlocal size
                digest.update(data)
                size += len(data)
                file.write(data)

            yield write
        self._members[name] = {"name": name, "sha256": digest.hexdigest(), "size": size}

    def add(self, name: str, data: bytes) -> None:
        """Write one member that is there as a whole."""
        with self.member(name) as write:
            write(data)

    def finish(self) -> str:
        """Write the manifest and close the zip. Returns the pack's digest."""
        manifest = encoded({"format": FORMAT, "members": [self._members[name] for name in MEMBERS]})
        self._zip.writestr(_info(MANIFEST), manifest)
        self._zip.close()
        return hashlib.sha256(manifest).hexdigest()


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info._compresslevel = LEVEL  # type: ignore[attr-defined]  # noqa: SLF001 - public from Python 3.13 on
    info.create_system = 3  # Unix, wherever it is made
    info.external_attr = 0o100644 << 16
    return info


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise ValueError(f"A {type(value).__name__} is not JSON.")
