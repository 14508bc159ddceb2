"""``python -m tests.messages``: every string for people is translated, and the messages are compiled."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCALES = ("zh_Hans",)
LEFT_OUT = (".git", ".venv*", "var", "staticfiles", "artefacts", "__pycache__", ".*_cache", ".hypothesis")


def missing_messages(root: Path, locale: str) -> str:
    """The entries that the locale lacks or that are marked fuzzy, as gettext prints them."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(root, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
        settings = os.environ | {"DJANGO_SETTINGS_MODULE": "gateway_site.test_settings"}
        options = ["--no-location", "--no-obsolete", "--ignore", "tests"]
        command = [sys.executable, "manage.py", "makemessages", "--locale", locale, *options]
        subprocess.run(command, cwd=copy, env=settings, check=True, stdout=subprocess.DEVNULL)
        catalogue = copy / "locale" / locale / "LC_MESSAGES" / "django.po"
        lacking = [
            subprocess.run(
                ["msgattrib", "--no-obsolete", "--no-wrap", kind, str(catalogue)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
            for kind in ("--untranslated", "--only-fuzzy")
        ]
    return "\n".join(_entries(text) for text in lacking).strip()


def is_compiled(root: Path, locale: str) -> bool:
    """Whether django.mo is what django.po compiles to."""
    folder = root / "locale" / locale / "LC_MESSAGES"
    fresh = subprocess.run(
        ["msgfmt", "--check-format", "-o", "-", str(folder / "django.po")], check=True, capture_output=True
    )
    compiled = folder / "django.mo"
    return compiled.exists() and compiled.read_bytes() == fresh.stdout


def main() -> str | None:
    if shutil.which("msgfmt") is None:
        return "Messages: gettext is not installed (apt-get install gettext)."
    for locale in LOCALES:
        missing = missing_messages(ROOT, locale)
        if missing:
            count = missing.count("msgid ")
            shown = "\n\n".join(missing.split("\n\n")[:10])
            return f"Messages: locale/{locale} lacks {count}; `make messages`, translate. Such as:\n\n{shown}"
        if not is_compiled(ROOT, locale):
            return f"Messages: locale/{locale}/LC_MESSAGES/django.mo is stale; make messages."
    print(f"Messages: complete and compiled for {', '.join(LOCALES)}.")
    return None


def _entries(text: str) -> str:
    """What msgattrib prints, without the header entry."""
    return "\n\n".join(
        block for block in text.split("\n\n") if 'msgid ""\nmsgstr ""\n"Project-Id' not in block
    ).strip()


if __name__ == "__main__":
    sys.exit(main())
