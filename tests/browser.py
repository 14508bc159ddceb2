"""``python -m tests.browser``: get a browser for the browser tests, or say that there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def find_browser() -> str | None:
    """The path of a Chromium on this machine, or None. ``BROWSER_PATH`` names another."""
    named = os.environ.get("BROWSER_PATH")
    return named or next((path for path in map(shutil.which, NAMES) if path), None)


def install_browser() -> None:
    """Install Debian's Chromium where that is possible: as root, with apt-get."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        subprocess.run(["apt-get", "-qq", *step], env=environ, stdout=subprocess.DEVNULL, check=False)


def main() -> None:
    if find_browser() is None:
        print("Browser tests: no Chromium here; trying to install Debian's.", flush=True)
        install_browser()
    browser = find_browser()
    print(
        f"Browser tests: with {browser}."
        if browser
        else "Browser tests: NOT RUN. There is no Chromium here and none to install; set BROWSER_PATH to one."
    )


if __name__ == "__main__":
    sys.exit(main())
