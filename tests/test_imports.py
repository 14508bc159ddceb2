"""The arrows between the rooms point one way: imports (import-linter), and what is named by a string."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db.models import Model

REPOSITORY = Path(__file__).resolve().parent.parent
ROOMS = ("exchange", "accounts", "catalog", "usage", "gateway_site")
"""From the ground up: a room may name what stands before it."""
ALL = (*ROOMS, "sandbox")
ENTRY = ("gateway_site.sandbox_settings",)
"""The sandbox's own settings, which its WSGI module has to name."""


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rooms, as a project of their own that a test may spoil."""
    root = tmp_path_factory.mktemp("rooms")
    for room in ALL:
        for path in (REPOSITORY / room).rglob("*.py"):
            target = root / path.relative_to(REPOSITORY)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    shutil.copy(REPOSITORY / "pyproject.toml", root)
    return root


def test_the_imports_point_one_way(copied: Path) -> None:
    ended = lint_imports(copied)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("exchange/urls.py", "import django.utils.timezone", "plain Python"),
        ("exchange/urls.py", "from accounts import exchanges", "only the rooms below"),
        ("accounts/theme.py", "from catalog import market", "only the rooms below"),
        ("accounts/theme.py", "from usage.models import UsageSnapshot", "only the rooms below"),
        (
            "accounts/theme.py",
            "def late():\n    from gateway_site.config import load_config",
            "only the rooms below",
        ),
        ("catalog/market.py", "import usage.summary", "only the rooms below"),
        ("usage/summary.py", "from gateway_site import navigation", "only the rooms below"),
        ("gateway_site/config_values.py", "from django.core.validators import EmailValidator", "any program"),
        ("gateway_site/config.py", "from gateway_site import environment", "any program"),
        ("sandbox/wire.py", "from exchange.wire_json import dumps", "they meet over HTTP"),
        ("sandbox/models.py", "from accounts.models import User", "they meet over HTTP"),
        ("usage/summary.py", "import sandbox.books", "Nobody imports the sandbox"),
        ("exchange/urls.py", "from sandbox import wire", "Nobody imports the sandbox"),
    ],
)
def test_an_import_against_the_arrows_is_found(module: str, line: str, contract: str, copied: Path) -> None:
    path = copied / module
    before = path.read_text()
    path.write_text(f"{before}\n\n{line}\n")
    try:
        ended = lint_imports(copied)
    finally:
        path.write_text(before)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    broken = [text for text in ended.stdout.splitlines() if text.endswith(" BROKEN") or " BROKEN " in text]
    assert any(contract in text for text in broken), ended.stdout


def room_of(model: type[Model]) -> str | None:
    """The room that a model stands in; None for Django's own."""
    room = model.__module__.partition(".")[0]
    return room if room in ALL else None


def relations() -> Iterator[tuple[type[Model], str, type[Model]]]:
    """Every relation of every model: from where, its name, to where."""
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.get_fields():
            target = field.related_model
            if field.is_relation and not field.auto_created and isinstance(target, type):
                yield model, field.name, target


def test_a_foreign_key_points_down_too() -> None:
    found = list(relations())
    assert ("ExchangeAccount", "exchange") in {(model.__name__, name) for model, name, _target in found}
    against = [
        f"{model.__name__}.{name} → {target.__name__}"
        for model, name, target in found
        if (source := room_of(model))
        and (goal := room_of(target))
        and ROOMS.index(goal) > ROOMS.index(source)
    ]
    assert against == []


def test_no_model_inherits_from_a_later_room() -> None:
    for model in apps.get_models():
        room = room_of(model)
        if room:
            for base in model.__mro__:
                below = base.__module__.partition(".")[0]
                assert below not in ALL or ROOMS.index(below) <= ROOMS.index(room), (model, base)


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """The strings of a module that the program uses: no docstrings."""
    tree = ast.parse(path.read_text())
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


def modules(room: str) -> list[Path]:
    return [
        path
        for path in (REPOSITORY / room).rglob("*.py")
        if "tests" not in path.parts and path.name not in ("factories.py", "sandbox_settings.py")
    ]


def names_a_module(text: str, rooms: tuple[str, ...]) -> bool:
    """Whether this is the dotted name of something in one of these rooms, such as ``usage.models``."""
    parts = text.split(".")
    return len(parts) > 1 and parts[0] in rooms and all(part.isidentifier() for part in parts)


@pytest.mark.parametrize("room", ALL)
def test_no_string_names_what_may_not_be_imported(room: str) -> None:
    later = ROOMS if room == "sandbox" else (*ROOMS[ROOMS.index(room) + 1 :], "sandbox")
    paths = modules(room)
    assert paths
    against = [
        f"{path.relative_to(REPOSITORY)}:{line}: {text!r}"
        for path in paths
        for line, text in strings(path)
        if names_a_module(text, later) and text not in ENTRY
    ]
    assert against == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("usage.UsageSnapshot", True),
        ("usage.models.UsageSnapshot", True),
        ("gateway_site.mail", True),
        ("usage:dashboard", False),
        ("usage/dashboard.html", False),
        ("usage", False),
        ("Usage. That is all.", False),
        ("accounts.models", False),
    ],
)
def test_such_a_string_would_be_found(text: str, named: bool) -> None:
    assert names_a_module(text, ("usage", "gateway_site")) is named


def test_the_sandbox_is_no_app_of_the_site() -> None:
    assert not [app for app in settings.INSTALLED_APPS if app.startswith("sandbox")]
    assert not [name for name in apps.app_configs if name == "sandbox"]
