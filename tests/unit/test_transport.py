"""What another address than loopback needs, and what is said where it is lacking."""

import asyncio
import ssl

import pytest

from monitor_jobs.contract.errors import BadInput
from service.core.keys import KeyPair
from service.core.secret import Secret
from service.settings import load_settings
from service.transport import StrictTransport, hosts_of, require_safe, require_unguessable, tls_context, url_of
from tests.servers.certificates import write_certificate

ENOUGH = {"HOST": "0.0.0.0", "ALLOWED_HOSTS": "monitor.example.com", "BEHIND_PROXY": "true"}
WEAK = {"ACCESS_KEY_ID": "MINE", "SECRET_ACCESS_KEY": "fifteen-letters"}


def settings_of(**variables):
    return load_settings({f"SEXTANT_{name}": str(value) for name, value in variables.items()})


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    certificate, key = write_certificate(tmp_path_factory.mktemp("tls"), "monitor.example.com")
    return {"TLS_CERTIFICATE": certificate, "TLS_KEY": key}


def refusal(**variables):
    with pytest.raises(BadInput) as raised:
        require_safe(settings_of(**variables))
    return str(raised.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_loopback_needs_nothing(host):
    require_safe(settings_of(HOST=host, **WEAK))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", "2001:db8::1"])
def test_another_address_is_refused_with_all_that_it_lacks(host):
    said = refusal(HOST=host, **WEAK)
    assert said.startswith(f"{host!r} can be reached from other machines, and then needs TLS: set SEXTANT_TLS_CERT")
    for needed in ("--behind-proxy", "set SEXTANT_ALLOWED_HOSTS", "MINE has 15 characters", "Or bind to 127.0.0.1"):
        assert needed in said
    assert "fifteen-letters" not in said


def test_a_proxy_in_front_and_names_are_enough():
    require_safe(settings_of(**ENOUGH))


def test_tls_and_names_are_enough(tls):
    require_safe(settings_of(HOST="0.0.0.0", ALLOWED_HOSTS="monitor.example.com", **tls))


@pytest.mark.parametrize(
    ("without", "reason"),
    [
        ("BEHIND_PROXY", "needs TLS: set"),
        ("ALLOWED_HOSTS", "needs the names that clients use: set"),
    ],
)
def test_one_thing_that_lacks_is_all_that_is_named(without, reason):
    said = refusal(**{name: value for name, value in ENOUGH.items() if name != without})
    assert reason in said
    assert "; and " not in said


def test_a_weak_first_key_that_is_given_is_refused_and_a_strong_one_is_not():
    assert "a first key that cannot be guessed" in refusal(**ENOUGH, **WEAK)
    require_safe(settings_of(**ENOUGH, **{**WEAK, "SECRET_ACCESS_KEY": "sixteen-letters!"}))


def test_a_weak_first_key_of_before_is_refused_too():
    weak, strong = KeyPair("MINE", Secret("short")), KeyPair("MINE", Secret("x" * 16))
    require_unguessable(settings_of(), weak)
    require_unguessable(settings_of(**ENOUGH), strong)
    with pytest.raises(BadInput, match="the secret of MINE has 5 characters; give 16 or more"):
        require_unguessable(settings_of(**ENOUGH), weak)


@pytest.mark.parametrize("name", ["*", "*.example.com", "https://a", "a:443", "a/b", "a b", "-a", "a..b", "::1", "a\n"])
def test_a_name_that_is_no_host_is_refused(name):
    with pytest.raises(BadInput, match="give names or addresses as in the Host header, without scheme and port"):
        require_safe(settings_of(ALLOWED_HOSTS=f"{name},b").model_copy(update={"allowed_hosts": (name,)}))


@pytest.mark.parametrize(
    "name", ["monitor", "monitor.example.com", "10.0.0.1", "[2001:db8::1]", "xn--bcher-kva.example"]
)
def test_a_name_or_an_address_is_a_host(name):
    require_safe(settings_of(ALLOWED_HOSTS=name))


def test_tls_is_1_2_or_newer(tls):
    assert tls_context(settings_of(**tls)).minimum_version is ssl.TLSVersion.TLSv1_2
    assert tls_context(settings_of()) is None


@pytest.mark.parametrize("part", ["TLS_CERTIFICATE", "TLS_KEY"])
def test_half_of_tls_is_refused(tls, part):
    assert "belong together: set both, or neither" in refusal(**{part: tls[part]})


def test_a_key_of_another_certificate_is_refused(tls, tmp_path):
    _, key = write_certificate(tmp_path, "other.example.com")
    said = refusal(**{**tls, "TLS_KEY": key})
    assert f"SEXTANT_TLS_KEY={key}" in said
    assert "name a PEM chain and its key" in said


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked(tmp_path):
    certificate, key = write_certificate(tmp_path, "a.example.com", passphrase=b"canary")
    assert "the key has a passphrase" in refusal(TLS_CERTIFICATE=certificate, TLS_KEY=key)


@pytest.mark.parametrize("content", [None, b"", b"no pem"])
def test_a_certificate_that_cannot_be_read_is_named(tls, tmp_path, content):
    if content is not None:
        (tmp_path / "cert.pem").write_bytes(content)
    assert f"SEXTANT_TLS_CERTIFICATE={tmp_path}/cert.pem" in refusal(
        **{**tls, "TLS_CERTIFICATE": tmp_path / "cert.pem"}
    )


@pytest.mark.parametrize(
    ("variables", "hosts"),
    [
        ({}, set()),
        ({"ALLOWED_HOSTS": "Monitor.Example.com, b"}, {"monitor.example.com", "b"}),
        ({"HOST": "0.0.0.0", "ALLOWED_HOSTS": "b"}, {"b"}),
        ({"HOST": "::", "ALLOWED_HOSTS": "b"}, {"b"}),
        ({"HOST": "10.0.0.5", "ALLOWED_HOSTS": "b"}, {"b", "10.0.0.5"}),
        ({"HOST": "2001:DB8::1", "ALLOWED_HOSTS": "b"}, {"b", "[2001:db8::1]"}),
    ],
)
def test_the_names_that_are_answered_are_those_that_were_told_and_the_address(variables, hosts):
    assert hosts_of(settings_of(**variables)) == hosts


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, "http://127.0.0.1:1"),
        ({"HOST": "::1"}, "http://[::1]:1"),
        ({"HOST": "0.0.0.0"}, "http://127.0.0.1:1"),
        ({"HOST": "10.0.0.5"}, "http://10.0.0.5:1"),
        ({"HOST": "0.0.0.0", "ALLOWED_HOSTS": "a.b,c", "TLS_CERTIFICATE": "x"}, "https://a.b:1"),
        ({"HOST": "localhost", "TLS_CERTIFICATE": "x"}, "https://localhost:1"),
    ],
)
def test_commands_on_this_machine_find_it(variables, url):
    assert url_of(settings_of(**variables), 1) == url


def test_browsers_are_told_to_come_over_tls_only():
    sent = []

    async def send(message):
        sent.append(message)

    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body"})

    asyncio.run(StrictTransport(app)({"type": "http"}, None, send))
    assert sent[0]["headers"] == [(b"a", b"b"), (b"strict-transport-security", b"max-age=63072000")]
    assert sent[1] == {"type": "http.response.body"}
