"""The URL configuration as a list: every address that the site answers, found by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
UNSAFE = METHODS[1:]
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_GROUP = re.compile(r"\(\?P<(\w+)>[^()]*\)")


@dataclass(frozen=True)
class Address:
    """One pattern: how it is written, ``/usage/logs/<int:seq>/``, and what it takes."""

    template: str
    parameters: tuple[str, ...]

    @property
    def is_api(self) -> bool:
        return self.template.startswith("/api/")

    @property
    def is_admin(self) -> bool:
        return self.template.startswith("/admin/")

    def filled(self, values: Mapping[str, object]) -> str:
        """The path with these in its parameters' places. Raises KeyError for a parameter without one."""
        return _PARAMETER.sub(lambda found: str(values[found[1]]), self.template)


def addresses() -> list[Address]:
    """All of them, in the order in which Django looks."""
    return list(_walk(get_resolver().url_patterns, "/"))


def _walk(patterns: Iterable[URLPattern | URLResolver], before: str) -> Iterator[Address]:
    for one in patterns:
        written = str(one.pattern)
        if isinstance(one.pattern, RegexPattern):
            written = _GROUP.sub(r"<\1>", written).lstrip("^").rstrip("$")
        if isinstance(one, URLResolver):
            yield from _walk(one.url_patterns, before + written)
        else:
            parameters = tuple(_PARAMETER.findall(before + written))
            assert len(parameters) == (before + written).count("<"), before + written
            yield Address(before + written, parameters)
