"""What lies on the disk: for whose eyes, where, and whether it is there."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core import checks

from gateway_site.checks.words import is_one_process
from gateway_site.databases import SQLITE

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
OURS_ALONE = "/run/secrets/"
"""Where containers are given their secrets: readable for all, in a file system that nobody else has."""


@checks.register(deploy=True)
def check_static_files(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W010: without the collected files every page is an error."""
    collected = getattr(staticfiles_storage, "hashed_files", None)  # None: a storage without a manifest
    if settings.DEBUG or collected is None or collected:
        return []
    return [
        checks.Warning(
            f"The static files are not collected in {settings.STATIC_ROOT}: pages would be errors.",
            hint="Run `manage.py collectstatic`, once for every version of the site.",
            id="gateway_site.W010",
        )
    ]


@checks.register(deploy=True)
def check_database_file(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W011: the database holds whose sessions and addresses are whose."""
    database = settings.DATABASES["default"]
    if not settings.LIVE or database["ENGINE"] != SQLITE or not _is_for_everybody(database["NAME"]):
        return []
    return [
        checks.Warning(
            f"Everybody on this machine may read or write the database {database['NAME']}.",
            hint=f"chmod o-rwx {database['NAME']}",
            id="gateway_site.W011",
        )
    ]


@checks.register(deploy=True)
def check_secret_files(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W012: what everybody on the machine can read is no secret."""
    public = [
        f"{path} ({name})"
        for name, path in settings.SECRET_FILES.items()
        if not path.startswith(OURS_ALONE) and _is_for_everybody(path)
    ]
    if not settings.LIVE or not public:
        return []
    return [
        checks.Warning(
            f"Everybody on this machine may read or write {', '.join(public)}.",
            hint="chmod o-rwx, and let the file belong to the user or the group of the site.",
            id="gateway_site.W012",
        )
    ]


@checks.register(deploy=True)
def check_head_log(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W013: whoever can change the database can change a head log beside it."""
    if not settings.LIVE:
        return []
    database = settings.DATABASES["default"]
    if not settings.HEAD_LOG:
        said = "head_log is empty: what is changed or cut off inside the database is not found by it."
    elif database["ENGINE"] == SQLITE and _folder(settings.HEAD_LOG) == _folder(database["NAME"]):
        said = f"head_log lies in the database's own folder, {_folder(settings.HEAD_LOG)}."
    else:
        return []
    return [
        checks.Warning(
            said,
            hint="Set head_log (TOKLIGENCE_HEAD_LOG) to a file on another disk, or one that is shipped "
            "elsewhere, and keep it out of the database's backups.",
            id="gateway_site.W013",
        )
    ]


@checks.register(deploy=True)
def check_metrics_folder(**_kwargs: Any) -> list[checks.CheckMessage]:
    """gateway_site.W019: each process counts for itself, and Prometheus sees another one each time."""
    named = os.environ.get(METRICS_FOLDER)
    folder = Path(named.strip() if named is not None else settings.VAR_DIR / "metrics")
    is_none = named is not None and not named.strip()
    if not settings.LIVE or not settings.METRICS_TOKEN or is_one_process():
        return []
    if not is_none and _can_be_written(folder):
        return []
    said = f"{METRICS_FOLDER} is empty" if is_none else f"The folder {folder} cannot be written"
    return [
        checks.Warning(
            f"{said}: /metrics would tell of one web process at a time.",
            hint=f"Set {METRICS_FOLDER} to a folder that the user of the site may write to.",
            id="gateway_site.W019",
        )
    ]


def _can_be_written(folder: Path) -> bool:
    """Whether it is there for us, or can be made."""
    nearest = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def _is_for_everybody(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a name, of a file or of none
    except OSError:
        return False
    return bool(mode & (stat.S_IROTH | stat.S_IWOTH))


def _folder(path: str) -> Path:
    return Path(path).resolve().parent
