"""A real `sextant up` over TLS, and behind a proxy: who is answered, and what commands and `doctor` say."""

import json
import socket
import ssl
import warnings
from datetime import timedelta

import httpx
import pytest

from service.first_key import read_first_key
from tests import plain_http
from tests.aws_clients import client
from tests.integration.sextant_command import Sextant, sextant_up
from tests.servers.certificates import write_certificate

BUSY_SECONDS = 60  # it listens before it answers
STRICT = "strict-transport-security"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def certificate(folder):
    return write_certificate(folder, "localhost", "127.0.0.1")


@pytest.fixture(scope="module")
def variables(certificate):
    path, key = certificate
    named = {"SEXTANT_ALLOWED_HOSTS": "localhost,monitor.example.com"}
    return {"SEXTANT_TLS_CERTIFICATE": str(path), "SEXTANT_TLS_KEY": str(key), **named}


@pytest.fixture(scope="module")
def encrypted(folder, variables):
    with sextant_up(folder, variables) as running:
        yield running


def get(url, certificate, **headers):
    return httpx.get(f"{url}/ping", headers=headers, verify=ssl.create_default_context(cafile=certificate[0]))


def test_commands_on_this_machine_trust_the_certificate_that_it_shows(encrypted):
    assert encrypted.url.startswith("https://localhost:")
    assert encrypted.json("endpoint", "list") == []


def test_boto3_speaks_tls_with_it(encrypted, certificate):
    assert client("sts", encrypted.url, verify=str(certificate[0])).get_caller_identity()["Arn"].endswith("/admin")


def test_browsers_are_told_to_come_over_tls_only(encrypted, certificate):
    assert get(encrypted.url, certificate).headers[STRICT] == "max-age=63072000"
    assert get(encrypted.url, certificate, Host="evil.example").headers[STRICT]


@pytest.mark.parametrize(
    ("host", "status"), [("monitor.example.com", 200), ("127.0.0.1:1", 200), ("evil.example", 421)]
)
def test_only_names_that_were_told_are_answered(encrypted, certificate, host, status):
    assert get(encrypted.url, certificate, Host=host).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"), [("https://monitor.example.com", 200), ("http://monitor.example.com", 403), ("null", 403)]
)
def test_only_its_own_pages_may_ask(encrypted, certificate, origin, status):
    assert get(encrypted.url, certificate, Origin=origin).status_code == status


def test_a_client_that_does_not_know_the_certificate_sends_nothing(encrypted):
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        plain_http.get(f"{encrypted.url}/ping")


def speaking(version):
    """A client of one version of TLS, the old ones too, which trusts whoever answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_from_1_2_on_is_spoken(encrypted, version):
    plain = socket.create_connection(("127.0.0.1", port_of(encrypted)))
    with speaking(version).wrap_socket(plain) as spoken:
        assert spoken.version() == version.name.replace("_", ".")


def test_tls_before_1_2_and_plain_http_are_not_spoken(encrypted):
    with socket.create_connection(("127.0.0.1", port_of(encrypted))) as plain, pytest.raises(ssl.SSLError):
        speaking(ssl.TLSVersion.TLSv1_1).wrap_socket(plain)
    with pytest.raises(httpx.RemoteProtocolError):
        plain_http.get(f"http://127.0.0.1:{port_of(encrypted)}/ping")


def port_of(running):
    return int(running.url.rpartition(":")[2])


def finding_of(done, check):
    return next(row for row in json.loads(done.stdout) if row["Check"] == check)


def test_doctor_says_how_it_may_be_reached(encrypted, variables):
    found = finding_of(encrypted.run("doctor", "--json", **variables), "access")
    assert found["State"] == "ok"
    assert found["Finding"].startswith("this machine only, TLS until 20")
    assert "first key SXTTESTS" in found["Finding"]


def test_doctor_says_that_a_certificate_has_ended(tmp_path):
    path, key = write_certificate(tmp_path, "localhost", good_for=timedelta(days=-1))
    tls = {"SEXTANT_TLS_CERTIFICATE": str(path), "SEXTANT_TLS_KEY": str(key)}
    found = finding_of(Sextant(tmp_path / "data").run("doctor", "--json", **tls), "access")
    assert found["State"] == "failed"
    assert f"the certificate in {path} was good until" in found["Finding"]


def test_behind_a_proxy_its_names_are_answered_and_strictly(tmp_path):
    with sextant_up(tmp_path, {"SEXTANT_ALLOWED_HOSTS": "monitor.example.com"}, "--behind-proxy") as running:
        named = {"Host": "monitor.example.com"}
        answer = plain_http.get(f"{running.url}/ping", headers=named, timeout=BUSY_SECONDS)
        found = finding_of(running.run("doctor", "--json", SEXTANT_BEHIND_PROXY="true"), "access")
    assert (answer.status_code, answer.headers[STRICT]) == (200, "max-age=63072000")
    assert "no TLS, a proxy in front" in found["Finding"]


def logged_in(url, folder, origin, **options):
    """The answer to the first API key in the console's form, sent by a page of that origin."""
    key = read_first_key(folder).api_key.secret.reveal()
    headers = {"Origin": origin, "Host": origin.partition("://")[2]}
    return plain_http.post(f"{url}/login", data={"api_key": key}, headers=headers, timeout=BUSY_SECONDS, **options)


def test_over_tls_the_consoles_cookie_is_for_tls_and_this_host_alone(encrypted, certificate):
    trusted = {"verify": ssl.create_default_context(cafile=certificate[0])}
    cookie = logged_in(encrypted.url, encrypted.folder, encrypted.url, **trusted).headers["set-cookie"]
    assert cookie.startswith("__Host-sextant=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=strict"} == set(cookie.split("; ")[1:])
    plain = encrypted.url.replace("https", "http")
    assert logged_in(encrypted.url, encrypted.folder, plain, **trusted).status_code == 403


def test_behind_a_proxy_the_console_is_where_the_proxy_is(tmp_path):
    with sextant_up(tmp_path, {"SEXTANT_ALLOWED_HOSTS": "monitor.example.com"}, "--behind-proxy") as running:
        answer = logged_in(running.url, running.folder, "https://monitor.example.com")
        assert (answer.status_code, answer.headers["set-cookie"][:15]) == (303, "__Host-sextant=")
        assert logged_in(running.url, running.folder, running.url).status_code == 403
    assert "The console is at https://monitor.example.com/ (" in (tmp_path / "up.log").read_text()


def test_an_address_that_others_reach_is_refused_before_anything_is_made(tmp_path):
    done = Sextant(tmp_path / "data").run("up", SEXTANT_HOST="192.0.2.1")
    assert done.returncode == 5
    assert "'192.0.2.1' can be reached from other machines, and then needs TLS: set SEXTANT_TLS_CERT" in done.stderr
    assert not (tmp_path / "data").exists()
