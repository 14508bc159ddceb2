from __future__ import annotations

from pathlib import Path

import pytest

from gateway_site.tests.config_files import Write
from gateway_site.tests.project import Project, copy_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_project(tmp_path / "project")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of the configuration in ``tmp_path``: ``write("dev/gateway.ini", "email = a@b.co")``."""

    def write_file(name: str, text: str | bytes) -> Path:
        path = tmp_path / "config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write_file
