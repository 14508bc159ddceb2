"""What the tests of the doctor ask of its probes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gateway_site.doctor.findings import Finding

Configure = Callable[..., None]


def found(probe: Callable[[], Iterable[Finding]], key: str = "") -> Finding:
    """The one finding that the probe yields; with a key, the one of that."""
    findings = [one for one in probe() if not key or one.id.endswith(f".{key}")]
    assert len(findings) == 1, findings
    assert bool(findings[0].advice) == (findings[0].level != "ok")
    return findings[0]


def levels(probe: Callable[[], Iterable[Finding]]) -> dict[str, str]:
    return {one.id: one.level for one in probe()}
