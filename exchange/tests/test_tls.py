"""The same promises over TLS, with a certificate made for the test."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange import (
    ExchangeUnavailable,
    ExchangeUnreachable,
)
from exchange.tests.examples import report
from exchange.tests.raw_server import Handler, RawServer, http, raw_server
from exchange.tests.test_deadlines_on_the_wire import (
    DEADLINE,
    SLACK,
    drip_body,
    drip_chunks,
    drip_headers,
    failing_call,
    real_client,
    say_nothing,
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, ssl.SSLContext]]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is needed to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return folder / "cert.pem", context


@pytest.mark.parametrize("handler", [drip_headers, drip_body, drip_chunks, say_nothing])
def test_the_deadline_holds_over_tls(certificate: tuple[Path, ssl.SSLContext], handler: Handler) -> None:
    bundle, context = certificate
    with raw_server(handler, context) as server:
        error, took = failing_call(server.url, ca_bundle=str(bundle))
    assert type(error) is ExchangeUnavailable
    assert took < DEADLINE + SLACK


def test_it_speaks_tls_with_a_trusted_server_and_keeps_the_connection(
    certificate: tuple[Path, ssl.SSLContext],
) -> None:
    bundle, context = certificate

    def answer_twice(connection: socket.socket, server: RawServer) -> None:
        connection.sendall(http(200, b'{"providers": []}'))
        server.read_request(connection)
        connection.sendall(http(200, b'{"providers": []}'))

    with (
        raw_server(answer_twice, context) as server,
        real_client(server.url, ca_bundle=str(bundle)) as client,
    ):
        assert client.list_providers(deadline=30) == client.list_providers(deadline=30) == []
    assert server.connection_count == 1


def test_a_certificate_that_is_not_trusted_means_not_reached(
    certificate: tuple[Path, ssl.SSLContext],
) -> None:
    with (
        raw_server(say_nothing, certificate[1]) as server,
        real_client(server.url) as client,
        pytest.raises(ExchangeUnreachable, match="certificate is not trusted"),
    ):
        client.report_usage(report(), deadline=30)
    assert server.requests == []


def test_a_tls_handshake_that_hangs_means_not_reached(certificate: tuple[Path, ssl.SSLContext]) -> None:
    with raw_server(say_nothing, read_first=False) as server:
        url = server.url.replace("http:", "https:")
        error, took = failing_call(url, ca_bundle=str(certificate[0]), connect_timeout=0.3)
    assert type(error) is ExchangeUnreachable
    assert took < DEADLINE + SLACK
