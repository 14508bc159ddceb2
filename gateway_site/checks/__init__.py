"""System checks: what refuses to start with an unsafe or incomplete setting, and what warns of one.

An error (E) refuses every command and every web process. A warning (W) lets them go on. Those about the
deployment as a whole are looked for by ``manage.py check --deploy`` and ``manage.py doctor`` alone, so that a
command's output is not full of them. docs/checks.md lists them all; identifiers stay for ever.
"""

from __future__ import annotations

from gateway_site.checks.files import (
    check_database_file,
    check_head_log,
    check_metrics_folder,
    check_secret_files,
    check_static_files,
)
from gateway_site.checks.mail import NO_MAIL_SERVER, check_mail, check_mail_is_encrypted, check_sender
from gateway_site.checks.network import (
    check_exchange_url,
    check_host_wildcards,
    check_hosts,
    check_origins,
    check_proxies,
    check_sandbox_address,
    check_trusted_networks,
)
from gateway_site.checks.operating import (
    check_cache,
    check_database_encryption,
    check_log_level,
    check_operator,
    check_sign_up,
)
from gateway_site.checks.secrets import (
    check_debug,
    check_debug_is_private,
    check_fallbacks,
    check_metrics_token,
    check_secret_key,
)

__all__ = [
    "NO_MAIL_SERVER",
    "check_cache",
    "check_database_encryption",
    "check_database_file",
    "check_debug",
    "check_debug_is_private",
    "check_exchange_url",
    "check_fallbacks",
    "check_head_log",
    "check_host_wildcards",
    "check_hosts",
    "check_log_level",
    "check_mail",
    "check_mail_is_encrypted",
    "check_metrics_folder",
    "check_metrics_token",
    "check_operator",
    "check_origins",
    "check_proxies",
    "check_sandbox_address",
    "check_secret_files",
    "check_secret_key",
    "check_sender",
    "check_sign_up",
    "check_static_files",
    "check_trusted_networks",
]
