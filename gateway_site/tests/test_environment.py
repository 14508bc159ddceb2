from __future__ import annotations

import ipaddress
from pathlib import Path

import environ
import pytest

from gateway_site import environment as env
from gateway_site.config import ConfigError
from gateway_site.tests.config_files import Write, one_line


def dotenv(root: Path, text: str | bytes, variables: dict[str, str] | None = None) -> dict[str, str]:
    """The variables after ``.env`` has been read."""
    (root / ".env").write_bytes(text.encode() if isinstance(text, str) else text)
    found = dict(variables or {})
    env.read_dotenv(root, found)
    return found


def test_dotenv_is_read_in_development(tmp_path: Path) -> None:
    text = "# a comment\n\nSECRET_KEY='a=b#c'\r\nexport DEBUG=true\n  TOKLIGENCE_EMAIL=ada@example.com\n"
    assert dotenv(tmp_path, text) == {
        "SECRET_KEY": "a=b#c",
        "DEBUG": "true",
        "TOKLIGENCE_EMAIL": "ada@example.com",
    }


@pytest.mark.parametrize("environment", ["test", "live"])
def test_dotenv_is_not_read_anywhere_else(environment: str, tmp_path: Path) -> None:
    variables = {"TOKLIGENCE_ENVIRONMENT": environment}
    assert dotenv(tmp_path, "SECRET_KEY=abc\nnot a line", variables) == variables


def test_dotenv_is_not_read_where_a_file_chooses_another_environment(tmp_path: Path, write: Write) -> None:
    write("setting.ini", "environment = live")
    assert dotenv(tmp_path, "SECRET_KEY=abc") == {}


def test_dotenv_never_writes_over_a_variable_that_is_set(tmp_path: Path) -> None:
    assert dotenv(tmp_path, "DEBUG=true", {"DEBUG": "false"}) == {"DEBUG": "false"}


def test_dotenv_fills_a_variable_that_is_set_but_empty(tmp_path: Path) -> None:
    assert dotenv(tmp_path, "DEBUG=true", {"DEBUG": ""}) == {"DEBUG": "true"}


@pytest.mark.parametrize(
    ("name", "other"), [("SECRET_KEY", "SECRET_KEY_FILE"), ("SECRET_KEY_FILE", "SECRET_KEY")]
)
def test_dotenv_does_not_name_a_second_source_for_a_variable(name: str, other: str, tmp_path: Path) -> None:
    assert dotenv(tmp_path, f"{name}=/from/dotenv", {other: "/already"}) == {other: "/already"}


def test_dotenv_cannot_leave_development(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        dotenv(tmp_path, "TOKLIGENCE_ENVIRONMENT=live")
    assert one_line(caught.value).startswith(".env: TOKLIGENCE_ENVIRONMENT: must not leave dev")


@pytest.mark.parametrize("line", ["SECRET_KEY = hunter2", "hunter2", "SECRET-KEY=hunter2", "export hunter2"])
def test_a_line_of_dotenv_that_cannot_be_read_is_named_and_not_shown(
    line: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigError) as caught:
        dotenv(tmp_path, f"# first\n{line}\n")
    assert one_line(caught.value).startswith(".env: line 2: must be NAME=value")
    assert "hunter2" not in str(caught.value) + caplog.text


def test_a_dotenv_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        dotenv(tmp_path, b"SECRET_KEY=\xff")
    assert one_line(caught.value) == ".env: cannot be read (it is not UTF-8 text)"


def test_without_dotenv_nothing_changes(tmp_path: Path) -> None:
    variables: dict[str, str] = {}
    env.read_dotenv(tmp_path, variables)
    assert variables == {}


@pytest.mark.parametrize("name", env.DEPLOYMENT_VARIABLES)
def test_every_deployment_variable_can_be_a_file(name: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret\n")
    variables = {f"{name}_FILE": str(secret), "OTHER_FILE": "/left/alone"}
    env.resolve_files(variables)
    assert variables == {name: "the secret", "OTHER_FILE": "/left/alone"}


def test_a_variable_and_its_file_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        env.resolve_files({"SECRET_KEY": "hunter2", "SECRET_KEY_FILE": "/run/secrets/key"})
    assert one_line(caught.value) == (
        "environment: SECRET_KEY and SECRET_KEY_FILE are both set; keep one of them"
    )


def test_an_empty_variable_gives_way_to_its_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    variables = {"SECRET_KEY": "", "SECRET_KEY_FILE": str(secret)}
    env.resolve_files(variables)
    assert variables["SECRET_KEY"] == "the secret"


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [("true", True), ("On", True), (" 1 ", True), ("no", False), ("0", False), ("", True), ("  ", True)],
)
def test_a_boolean_is_read(raw: str, wanted: bool) -> None:
    assert env.read_boolean({"DEBUG": raw}, "DEBUG", default=True) is wanted


def test_a_boolean_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        env.read_boolean({"DEBUG": "flase"}, "DEBUG", default=False)
    assert one_line(caught.value) == (
        "environment: DEBUG = 'flase': must be true or false (also yes, no, on, off, 1, 0)"
    )


def test_a_list_is_read() -> None:
    assert env.read_list({"HOSTS": " a.example ,,b.example,"}, "HOSTS") == ["a.example", "b.example"]
    assert env.read_list({"HOSTS": " , "}, "HOSTS", ["localhost"]) == ["localhost"]
    assert env.read_list({}, "HOSTS") == []


def test_networks_are_read() -> None:
    assert env.read_networks({"PROXIES": "10.0.0.0/8, ::1"}, "PROXIES") == (
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("::1/128"),
    )
    assert env.read_networks({}, "PROXIES") == ()


@pytest.mark.parametrize("raw", ["proxy", "10.0.0.1/8", "10.0.0.0/33", "*", "10.0.0.0-10.0.0.9"])
def test_what_is_no_network_is_refused(raw: str) -> None:
    with pytest.raises(ConfigError) as caught:
        env.read_networks({"TRUSTED_PROXIES": f"10.0.0.0/8,{raw}"}, "TRUSTED_PROXIES")
    assert one_line(caught.value) == (
        f"environment: TRUSTED_PROXIES = {raw!r}: must be addresses or networks such as 10.0.0.0/8"
    )


PARSERS = {
    "DATABASE_URL": environ.Env.db_url_config,
    "CACHE_URL": environ.Env.cache_url_config,
    "EMAIL_URL": environ.Env.email_url_config,
}


@pytest.mark.parametrize(
    ("name", "url"),
    [
        *[
            ("DATABASE_URL", url)
            for url in (
                "hunter2",
                "/var/hunter2.sqlite3",
                "mysql://ada:hunter2@db.example/x",
                "postgress://ada:hunter2@db.example/x",
                "postgres://ada:hunter2@db.example:port/x",
                "sqlite://hunter2/gateway.sqlite3",
            )
        ],
        *[("CACHE_URL", url) for url in ("hunter2", "http://ada:hunter2@cache.example", "redis//hunter2")],
        *[
            ("EMAIL_URL", url)
            for url in (
                "hunter2",
                "mail.example.com:hunter2",
                "imap://ada:hunter2@mail.example",
                "smtp://ada:hunter2@mail.example:port",
                "smtp://ada:hunter2@[mail.example",
                "smtp://ada:hunter2#@mail.example:25",
            )
        ],
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_being_shown(
    name: str, url: str, recwarn: pytest.WarningsRecorder
) -> None:
    engines = env.DATABASE_ENGINES if name == "DATABASE_URL" else ()
    with pytest.raises(ConfigError) as caught:
        env.read_url({name: url}, name, "unused://", PARSERS[name], engines)
    assert one_line(caught.value).startswith(f"environment: {name}: must be a URL such as ")
    assert "hunter2" not in str(caught.value)
    assert not recwarn.list


@pytest.mark.parametrize("name", PARSERS)
def test_each_example_can_be_read_itself(name: str) -> None:
    for example in env.URL_EXAMPLES[name].split(" or "):
        engines = env.DATABASE_ENGINES if name == "DATABASE_URL" else ()
        assert env.read_url({name: example}, name, "unused://", PARSERS[name], engines)


def test_an_empty_url_is_the_default() -> None:
    found = env.read_url({"CACHE_URL": ""}, "CACHE_URL", "locmemcache://", PARSERS["CACHE_URL"])
    assert found["BACKEND"] == "django.core.cache.backends.locmem.LocMemCache"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        env.make_private_file(
            str(tmp_path / "file" / "below" / "gateway.sqlite3"), "environment: DATABASE_URL"
        )
    assert one_line(caught.value).startswith("environment: DATABASE_URL: the folder of ")


def test_a_file_and_its_folder_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "var" / "gateway.sqlite3"
    env.make_private_file(str(file), "environment: DATABASE_URL")
    assert [path.stat().st_mode & 0o777 for path in (file.parent, file)] == [0o700, 0o600]


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "gateway.sqlite3"
    file.write_text("data")
    file.chmod(0o640)
    env.make_private_file(str(file), "environment: DATABASE_URL")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("data", 0o640)


def test_a_database_in_memory_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    env.make_private_file(":memory:", "environment: DATABASE_URL")
    assert list(tmp_path.iterdir()) == []
