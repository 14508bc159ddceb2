"""keys: made, listed, changed, rotated and revoked by the person whose they are, never by a key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, TypeVar

from django.core.exceptions import ValidationError
from django.utils import timezone
from ninja import Path, Router
from ninja.responses import Status

from accounts import api_keys
from accounts.api.callers import PEOPLE, ApiRequest
from accounts.api.errors import ApiError, of_validation
from accounts.api.key_documents import (
    OVERLAP,
    KeyIn,
    KeyOut,
    KeyPatch,
    KeysOut,
    KeyWithSecretOut,
    RotateIn,
    budget_in,
    key_out,
    with_secret,
)
from accounts.api.responses import BODY, KNOWN, refusals
from accounts.keys.budgets import standing_of, standings
from accounts.keys.settings import KeySettings, settings_of
from exchange.fields import INT64_MAX

router = Router(tags=["API keys"], auth=PEOPLE)
NAMES = {"budget_limit": "budget.limit", "soft_limit": "budget.soft_limit", "overlap": "overlap_seconds"}
"""What the API calls the fields of the domain."""
Number = Annotated[int, Path(ge=1, le=INT64_MAX)]
T = TypeVar("T")


@router.get("", response={200: KeysOut, **refusals(*KNOWN)}, summary="Your keys")
def list_keys(request: ApiRequest) -> KeysOut:
    """Every key, newest first, revoked ones too: what they recorded stays under them."""
    keys = api_keys.keys_of(request.auth.user)
    standing = standings(keys, timezone.now())
    return KeysOut(keys=[key_out(key, standing[key.pk]) for key in keys])


@router.post("", response={201: KeyWithSecretOut, **refusals(*KNOWN, *BODY)}, summary="Make a key")
def create_key(request: ApiRequest, body: KeyIn) -> Status[KeyWithSecretOut]:
    """Make a key. Its secret is in this answer and in no other."""
    settings = KeySettings(**{**body.dict(exclude={"budget"}), "budget": budget_in(body.budget)})
    created = _refusing(lambda: api_keys.create_key(request.auth.user, settings))
    return Status(201, with_secret(created))


@router.get("/{int:key_id}", response={200: KeyOut, **refusals(*KNOWN, 404)}, summary="One key")
def get_key(request: ApiRequest, key_id: Number) -> KeyOut:
    """A key of yours, with what is spent of its budget."""
    key = api_keys.own_key(request.auth.user, key_id)
    return key_out(key, standing_of(key, timezone.now()))


@router.patch(
    "/{int:key_id}", response={200: KeyOut, **refusals(*KNOWN, *BODY, 404, 409)}, summary="Change a key"
)
def update_key(request: ApiRequest, key_id: Number, body: KeyPatch) -> KeyOut:
    """Change what was chosen for a key. Its secrets and its history go on."""
    key = api_keys.own_key(request.auth.user, key_id)
    changes = body.dict(exclude_unset=True)
    if "budget" in changes:
        changes["budget"] = budget_in(body.budget)
    _refusing(lambda: api_keys.update_key(key, replace(settings_of(key), **changes)))
    return key_out(key, standing_of(key, timezone.now()))


@router.delete("/{int:key_id}", response={204: None, **refusals(*KNOWN, 404)}, summary="Revoke a key")
def revoke_key(request: ApiRequest, key_id: Number) -> Status[None]:
    """End the key with all of its secrets, for good. What it recorded stays."""
    api_keys.revoke(api_keys.own_key(request.auth.user, key_id))
    return Status(204, None)


@router.post(
    "/{int:key_id}/rotate",
    response={201: KeyWithSecretOut, **refusals(*KNOWN, *BODY, 404, 409)},
    summary="Give a key a new secret",
)
def rotate_key(request: ApiRequest, key_id: Number, body: RotateIn | None = None) -> Status[KeyWithSecretOut]:
    """A new secret; those before it work on for the overlap. Budget and history go on."""
    key = api_keys.own_key(request.auth.user, key_id)
    overlap = timedelta(seconds=body.overlap_seconds if body else OVERLAP)
    created = _refusing(lambda: api_keys.rotate(key, overlap=overlap))
    return Status(201, with_secret(created))


def _refusing(work: Callable[[], T]) -> T:
    try:
        return work()
    except ValidationError as error:
        raise of_validation(error, NAMES) from error
    except api_keys.KeyEnded as error:
        raise ApiError(409, "key_revoked", error.sentence) from error
