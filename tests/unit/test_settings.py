"""Settings from an environment: names, ranges, and what is said of those that do not fit."""

from pathlib import Path

import pytest

from monitor_jobs.contract.errors import BadInput
from service.core.keys import KeyPair
from service.core.redaction import Redaction
from service.core.secret import Secret
from service.settings import Settings, given_pair, load_settings, variable_of


def test_an_empty_environment_gives_the_defaults():
    assert load_settings({}) == Settings()
    assert load_settings({"PATH": "/bin"}).host == "127.0.0.1"


SMALL = {
    "body_seconds",
    "explained_records",
    "port",
    "flush_interval_seconds",
    "tick_seconds",
    "parallel_jobs",
    "torch_threads",
}
WORDS = {
    "connections": "500",
    "account": "7" * 12,
    "log_level": "DEBUG",
    "when_spool_is_full": "refuse",
    "durability": "power",
    "allowed_buckets": "captures",
    "memory_bytes_per_job": "33554432",
    "oci_pull": "missing",
    "behind_proxy": "True",
}
RULES = {"redaction", "retention"}  # tested below
LISTS = {"allowed_buckets", "allowed_hosts", "program_folders"}


def test_every_setting_has_a_variable_and_says_what_it_is():
    for name, field in Settings.model_fields.items():
        assert field.description
        if name in RULES:
            continue
        value = WORDS.get(name, "5" if name in SMALL else "1048576")
        found = getattr(load_settings({variable_of(name): value}), name)
        if name == "secret_access_key":
            found = found.reveal()
        assert (",".join(map(str, found)) if name in LISTS else str(found).removesuffix(".0")) == value


def test_retention_is_a_prefix_and_how_long():
    (rule,) = load_settings({"SEXTANT_RETENTION": "s3://captures/signs=30d"}).retention
    assert str(rule) == "s3://captures/signs/ for 30 d"
    with pytest.raises(BadInput, match=r"SEXTANT_RETENTION=.*'s3://captures=30d' is no retention"):
        load_settings({"SEXTANT_RETENTION": "s3://captures=30d"})


def test_redaction_is_json():
    found = load_settings({"SEXTANT_REDACTION": '{"request": {"json": {"$.ssn": "drop"}}}'}).redaction
    assert found == Redaction.model_validate({"request": {"json": {"$.ssn": "drop"}}})


def test_redaction_that_is_none_stops_every_process():
    with pytest.raises(BadInput, match=r"SEXTANT_REDACTION=.*ssn.*request\.json"):
        load_settings({"SEXTANT_REDACTION": '{"request": {"json": {"ssn": "drop"}}}'})


def test_allowed_buckets_are_listed_with_commas():
    found = load_settings({"SEXTANT_ALLOWED_BUCKETS": "captures, reports,"}).allowed_buckets
    assert found == {"captures", "reports"}


@pytest.mark.parametrize("value", ["captures,Reports", "s3://captures", "a", "cap\ntures"])
def test_a_bucket_that_cannot_exist_is_refused(value):
    with pytest.raises(BadInput, match="SEXTANT_ALLOWED_BUCKETS="):
        load_settings({"SEXTANT_ALLOWED_BUCKETS": value})


def test_program_folders_are_separated_by_colons():
    assert load_settings({"SEXTANT_PROGRAM_FOLDERS": "/a:/b c:"}).program_folders == (Path("/a"), Path("/b c"))


def test_an_empty_variable_counts_as_unset():
    assert load_settings({"SEXTANT_PORT": "", "SEXTANT_STORE_ENDPOINT_URL": "", "SEXTANT_DATA": ""}) == Settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SEXTANT_PORT", "65536"),
        ("SEXTANT_PORT", "-1"),
        ("SEXTANT_PORT", "http"),
        ("SEXTANT_ACCOUNT", "12345"),
        ("SEXTANT_ACCOUNT", "123456789012\n"),
        ("SEXTANT_ACCOUNT", "\u0661" * 12),
        ("SEXTANT_FLUSH_INTERVAL_SECONDS", "0.5"),
        ("SEXTANT_FLUSH_INTERVAL_SECONDS", "nan"),
        ("SEXTANT_FLUSH_INTERVAL_SECONDS", "inf"),
        ("SEXTANT_TICK_SECONDS", "0"),
        ("SEXTANT_TICK_SECONDS", "nan"),
        ("SEXTANT_SPOOL_BUDGET_BYTES", "1"),
        ("SEXTANT_PARALLEL_JOBS", "0"),
        ("SEXTANT_PARALLEL_JOBS", "1.5"),
        ("SEXTANT_LOG_LEVEL", "debug"),
        ("SEXTANT_OCI_ENGINE", "podman --root /x"),
        ("SEXTANT_OCI_USER", "nobody"),
        ("SEXTANT_OCI_PULL", "sometimes"),
        ("SEXTANT_OCI_NETWORK", "none --privileged"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_variable(variable, value):
    with pytest.raises(BadInput) as raised:
        load_settings({variable: value})
    assert str(raised.value).startswith(f"{variable}={value!r}: ")


def test_a_variable_that_is_misspelled_is_refused():
    with pytest.raises(BadInput, match="SEXTANT_PROT is no setting: settings are SEXTANT_DATA, "):
        load_settings({"SEXTANT_PROT": "8080"})


def test_all_that_does_not_fit_is_told_at_once():
    with pytest.raises(BadInput, match=r"SEXTANT_PORT='x'.*; SEXTANT_PARALLEL_JOBS='y'"):
        load_settings({"SEXTANT_PORT": "x", "SEXTANT_PARALLEL_JOBS": "y"})


@pytest.mark.parametrize(
    "name",
    [
        "SEXTANT_TEST_DATA",
        "SEXTANT_DEBUG_HOOK",
        "SEXTANT_MODEL_CARD",
        "SEXTANT_JOB_ROOT",
        "SEXTANT_URL",
        "sextant_port",
    ],
)
def test_variables_of_tests_models_and_jobs_are_no_settings(name):
    assert load_settings({name: "x"}) == Settings()


def test_the_database_lies_in_the_data_folder_unless_said():
    assert load_settings({"SEXTANT_DATA": "/var/sextant"}).database == "sqlite:////var/sextant/sextant.db"
    assert load_settings({"SEXTANT_DATA": "here"}).database == f"sqlite:///{Path('here').absolute()}/sextant.db"
    assert load_settings({"SEXTANT_DATABASE_URL": "postgresql+psycopg://db/x"}).database == "postgresql+psycopg://db/x"


def test_the_process_environment_is_read_where_none_is_given(monkeypatch):
    monkeypatch.setenv("SEXTANT_PORT", "1234")
    assert load_settings().port == 1234


SECRET = "canary-secret-value"


def given(**variables):
    return given_pair(load_settings({f"SEXTANT_{name}": value for name, value in variables.items()}))


def test_no_first_key_is_given_unless_it_is():
    assert given() is None


def test_a_first_key_is_given_by_the_environment_or_by_a_file(tmp_path):
    (tmp_path / "secret").write_text(SECRET + "\n")
    pair = KeyPair("MINE", Secret(SECRET))
    assert given(ACCESS_KEY_ID="MINE", SECRET_ACCESS_KEY=SECRET) == pair
    assert given(ACCESS_KEY_ID="MINE", SECRET_ACCESS_KEY_FILE=str(tmp_path / "secret")) == pair


@pytest.mark.parametrize(
    "part", [{"ACCESS_KEY_ID": "MINE"}, {"SECRET_ACCESS_KEY": SECRET}, {"SECRET_ACCESS_KEY_FILE": __file__}]
)
def test_a_part_of_a_first_key_is_refused(part):
    with pytest.raises(BadInput, match="set both, or neither, and a key is made"):
        given(**part)


def test_two_secrets_are_refused():
    with pytest.raises(BadInput, match="are both set: unset one"):
        given(ACCESS_KEY_ID="MINE", SECRET_ACCESS_KEY=SECRET, SECRET_ACCESS_KEY_FILE=__file__)


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"SEXTANT_SECRET_ACCESS_KEY_FILE='.*/gone' cannot be read: FileNotFoundError"):
        given(ACCESS_KEY_ID="MINE", SECRET_ACCESS_KEY_FILE=str(tmp_path / "gone"))


def test_nothing_that_prints_settings_shows_a_secret():
    variables = {"SEXTANT_SECRET_ACCESS_KEY": SECRET, "SEXTANT_DATABASE_URL": f"postgresql://me:{SECRET}@db/x"}
    settings = load_settings(variables)
    assert SECRET not in repr(settings) + str(settings)


@pytest.mark.parametrize("variable", ["SEXTANT_SECRET_ACESS_KEY", "SEXTANT_ACCOUNT"])
def test_what_is_said_of_a_wrong_variable_does_not_have_the_secret_beside_it(variable):
    with pytest.raises(BadInput) as raised:
        load_settings({"SEXTANT_SECRET_ACCESS_KEY": SECRET, variable: "wrong"})
    assert SECRET not in f"{raised.value} {raised.value.__cause__} {raised.value.__cause__!r}"


def test_a_misspelt_variable_is_named_without_its_value():
    with pytest.raises(BadInput, match="SEXTANT_SECRET_ACESS_KEY is no setting") as raised:
        load_settings({"SEXTANT_SECRET_ACESS_KEY": SECRET})
    assert SECRET not in f"{raised.value} {raised.value.__cause__} {raised.value.__cause__!r}"


@pytest.mark.parametrize("secret", [f"{SECRET}/{SECRET}", "sxt_" + "k" * 43, "Secret-Made_Here" + "k" * 24])
def test_a_secret_in_the_place_of_an_id_is_refused_and_not_shown(secret):
    complaint = rf"SEXTANT_ACCESS_KEY_ID=\*\*\*: .*{len(secret)} characters that are no id"
    with pytest.raises(BadInput, match=complaint) as raised:
        load_settings({"SEXTANT_ACCESS_KEY_ID": secret})
    assert secret not in f"{raised.value} {raised.value.__cause__} {raised.value.__cause__!r}"


def test_an_id_of_an_s3_service_may_be_short_and_have_hyphens():
    assert load_settings({"SEXTANT_ACCESS_KEY_ID": "ceph-key"}).access_key_id == "ceph-key"
