"""How the Exchange misbehaves on purpose, so that outages can be rehearsed; good behaviour is the default.

Shares are of requests, from 0 to 1, and one request suffers one fault at most: together they are at most 1.
Faults that are planned (`next`) come before those that the dice choose.
"""

import random
from typing import Annotated, Any, Literal, Self, get_args

from django.db import transaction
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from sandbox.models import Fault
from sandbox.wire import fit

# drop_before: nothing is done and the connection ends; drop_after: all is done and the answer is lost.
Kind = Literal["rate_limit", "drop_before", "error", "drop_after", "malformed"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Share = Annotated[float, Field(ge=0, le=1)]
_ONE_ROW = 1


class PlannedFault(BaseModel):
    """The next `count` requests to `path` by `method` (null: any) suffer a fault of this kind."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    kind: Kind
    count: Annotated[int, Field(ge=1, le=1000)] = 1
    path: Annotated[str, StringConstraints(pattern=r"^/[\x21-\x7e]*$", max_length=200)] | None = None
    method: Annotated[str, StringConstraints(pattern="^[A-Z]+$", max_length=20)] | None = None

    def matches(self, method: str, path: str) -> bool:
        return self.path in (None, path) and self.method in (None, method)


class Faults(BaseModel):
    """All that can be set; the defaults are good behaviour."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", from_attributes=True)

    latency_ms: Annotated[int, Field(ge=0, le=600_000)] = 0
    error_share: Share = 0.0
    error_status: Annotated[int, Field(ge=500, le=599)] = 503
    drop_before_share: Share = 0.0
    drop_after_share: Share = 0.0
    malformed_share: Share = 0.0
    rate_limit_share: Share = 0.0
    retry_after_s: Annotated[int, Field(ge=0, le=86_400)] = 1
    core_only: bool = False
    next: Annotated[list[PlannedFault], Field(max_length=100)] = []

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        if sum(self.share_of(kind) for kind in KINDS) > 1 + 1e-9:
            names = ", ".join(f"{kind}_share" for kind in KINDS)
            raise ValueError(f"{names} add up to more than 1")
        return self

    def share_of(self, kind: Kind) -> float:
        share: float = getattr(self, f"{kind}_share")
        return share

    def in_words(self) -> list[str]:
        """What is not as it should be, one line each."""
        usual = Faults()
        changed = self.model_dump(exclude={"next"})
        lines = [f"{name} {value}" for name, value in changed.items() if value != getattr(usual, name)]
        planned = [f"next {fault.count} × {fault.kind} on {fault.path or 'any path'}" for fault in self.next]
        return lines + planned


def current() -> Faults:
    """The misbehaviour in force."""
    row = Fault.objects.filter(pk=_ONE_ROW).first()
    return Faults() if row is None else Faults.model_validate(row)


def replace(faults: Faults) -> Faults:
    """Put exactly these faults in force."""
    Fault.objects.update_or_create(pk=_ONE_ROW, defaults=faults.model_dump(mode="json"))
    return faults


@transaction.atomic
def change(changes: dict[str, Any]) -> Faults:
    """Put `changes` in force, leave the rest as it is. Raises Malformed, naming what does not fit."""
    _lock()
    return replace(fit(current().model_dump(mode="json") | changes, Faults))


def choose(faults: Faults, method: str, path: str) -> Kind | None:
    """The fault that this request shall suffer, if any; a planned one is used up by it."""
    if any(fault.matches(method, path) for fault in faults.next):
        planned = _take_planned(method, path)
        if planned is not None:
            return planned
    dice = random.random()  # noqa: S311  chance, not secrecy
    for kind in KINDS:
        dice -= faults.share_of(kind)
        if dice < 0:
            return kind
    return None


@transaction.atomic
def _take_planned(method: str, path: str) -> Kind | None:
    # Read again under the lock: another request may have taken the last one since.
    _lock()
    faults = current()
    taken = next((fault for fault in faults.next if fault.matches(method, path)), None)
    if taken is None:
        return None
    left = [fault for fault in faults.next if fault is not taken or fault.count > 1]
    remaining = [
        fault.model_copy(update={"count": fault.count - 1}) if fault is taken else fault for fault in left
    ]
    replace(faults.model_copy(update={"next": remaining}))
    return taken.kind


def _lock() -> None:
    Fault.objects.get_or_create(pk=_ONE_ROW)
    Fault.objects.select_for_update().get(pk=_ONE_ROW)
