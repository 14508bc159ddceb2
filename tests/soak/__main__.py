"""``python -m tests.soak``: see the package."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.soak.options import Options, read


def main() -> int:
    options = read()
    # whoever ends it by SIGTERM ends all that it has started, too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # what makes databases here reads them in Django's settings
    os.environ["DJANGO_SETTINGS_MODULE"] = "gateway_site.test_settings"
    os.environ["TEST_DATABASE_URL"] = "" if options.database == "sqlite" else options.database
    with ExitStack() as stack:
        if options.folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-soak-")))
        else:
            folder = options.folder.resolve()
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                sys.exit(f"{folder} is not empty: a soak begins with a new database.")
        return run(options, folder)


def run(options: Options, folder: Path) -> int:
    """0 where nothing is wrong."""
    from tests.soak.director import soak
    from tests.soak.table import summary

    began = time.monotonic()

    def say(sentence: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - began), 60)
        print(f"[{minutes:3}:{seconds:02}] {sentence}", flush=True)

    findings = soak(options, folder, say)
    print(f"\n{summary(findings)}", flush=True)
    if options.report is not None:
        document = {**findings.figures, "wrong": findings.wrong, "memory_samples": findings.memory.document()}
        options.report.write_text(json.dumps(document, indent=1) + "\n")
    return 1 if findings.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
