"""nginx with the file of ``deploy/`` in front of a site: ports, certificate and upstream are the test's."""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port

NGINX_FILE = Path(__file__).resolve().parent.parent / "deploy" / "nginx.conf"
NAME = "gateway.example.com"
START_LIMIT = 30


def make_certificate(folder: Path) -> Path:
    """A certificate for NAME that nobody trusts, as nginx.conf looks for it; the folder it is in."""
    words = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={NAME}"
    files = ["-keyout", f"{folder}/privkey.pem", "-out", f"{folder}/fullchain.pem"]
    subprocess.run(["openssl", *shlex.split(words), *files], check=True, capture_output=True)
    return folder


def whole_file(certificate: Path, folder: Path, *, ports: tuple[int, int], upstream: str = "") -> Path:
    """A configuration that nginx can be started with, for plain HTTP and for TLS on these ports."""
    listens = dict(zip((80, 443), ports, strict=True))
    text = NGINX_FILE.read_text().replace("/etc/gateway/tls", str(certificate))
    text = re.sub(
        r"listen (\[::\]:)?(80|443)\b", lambda found: f"listen {found[1] or ''}{listens[int(found[2])]}", text
    )
    if upstream:
        text = text.replace("server unix:/run/gateway/web.sock", f"server {upstream}")
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = folder / "nginx.conf"
    whole.write_text(
        f"daemon off;\npid {folder}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{text}\n}}\n"
    )
    return whole


@contextmanager
def running_nginx(folder: Path, upstream: str) -> Iterator[int]:
    """In front of the site at this address (host and port); the port on which it speaks TLS."""
    ports = (free_port(), free_port())
    file = whole_file(make_certificate(folder), folder, ports=ports, upstream=upstream)
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    with (folder / "nginx.log").open("wb") as output:
        process = subprocess.Popen(
            [nginx, "-e", "stderr", "-p", folder, "-c", file], stdout=output, stderr=subprocess.STDOUT
        )
    try:
        give_up = time.monotonic() + START_LIMIT
        while True:
            try:
                open_tls(ports[1]).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "nginx.log").read_text()
                assert time.monotonic() < give_up, (folder / "nginx.log").read_text()
                time.sleep(0.05)
        yield ports[1]
    finally:
        process.terminate()
        process.wait(30)


def open_tls(port: int) -> ssl.SSLSocket:
    """A connection to it over TLS, as HTTP/1.1."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # its certificate is nobody's
    context.set_alpn_protocols(["http/1.1"])
    return context.wrap_socket(
        socket.create_connection(("127.0.0.1", port), timeout=30), server_hostname=NAME
    )
