"""The address of an Exchange. It names the Exchange, so two spellings of one address must become one."""

import re
from urllib.parse import urlsplit

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_IPV6 = re.compile(r"[0-9a-f:.]+")
_PATH = re.compile(r"(/[A-Za-z0-9._~%!$&'()*+,;=:@-]+)*")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_EXAMPLE = "write it like http://localhost:8080"


def normalise_base_url(text: str) -> str:
    """The one spelling of an Exchange's address: lower-case scheme and host, no default port, no slash at the
    end.

    Raises ValueError with a sentence where the address is not an http or https URL, or carries credentials,
    a query or a fragment.
    """
    trimmed = text.strip()
    if any(char <= " " or char == "\\" or char == "\x7f" for char in trimmed):
        raise ValueError(f"The Exchange's address must not contain blanks or backslashes; {_EXAMPLE}.")
    try:
        parts = urlsplit(trimmed)
        host, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError as error:
        raise ValueError(f"The Exchange's address cannot be read ({error}); {_EXAMPLE}.") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError(f"The Exchange's address must begin with http:// or https://; {_EXAMPLE}.")
    if "@" in parts.netloc:
        raise ValueError("The Exchange's address must not carry a user name or password.")
    if "?" in trimmed or "#" in trimmed:
        raise ValueError("The Exchange's address must not carry a query (?) or a fragment (#).")
    if not host:
        raise ValueError(f"The Exchange's address has no host name; {_EXAMPLE}.")
    if port == 0:
        raise ValueError("The Exchange's address has port 0, which cannot be reached; ports are 1 to 65535.")
    return f"{parts.scheme}://{_host(host)}{_port(parts.scheme, port)}{_path(parts.path)}"


def _host(host: str) -> str:
    if ":" in host:
        if _IPV6.fullmatch(host):
            return f"[{host}]"
    elif len(host) <= 253 and all(_LABEL.fullmatch(label) for label in host.split(".")):
        return host
    raise ValueError(
        "The Exchange's address has a host name that cannot be used; "
        "letters outside ASCII are written in their xn-- form."
    )


def _port(scheme: str, port: int | None) -> str:
    return "" if port is None or port == _DEFAULT_PORTS[scheme] else f":{port}"


def _path(path: str) -> str:
    trimmed = path.rstrip("/")
    segments = trimmed.split("/")[1:]
    if not _PATH.fullmatch(trimmed) or any(segment in {".", ".."} for segment in segments):
        raise ValueError(
            "The Exchange's address has a path that cannot be used; give it without . or .. or //."
        )
    return trimmed
