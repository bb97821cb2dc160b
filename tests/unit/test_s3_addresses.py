"""S3 addresses: what may be one, and how they are read, joined and ordered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.object_store import S3Address

DOTS = {".", ".."}
KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)


@given(key=KEYS.filter(lambda key: not DOTS & set(key.split("/"))))
def test_an_address_is_read_as_it_was_written(key: str):
    address = S3Address("some-bucket", key)
    assert S3Address.parse(str(address)) == address


def test_a_bucket_alone_is_an_address():
    assert S3Address.parse("s3://bucket") == S3Address.parse("s3://bucket/") == S3Address("bucket", "")


@pytest.mark.parametrize(
    "text",
    ["", "bucket/key", "s3:/bucket/key", "s3//bucket", "S3://bucket/key", "http://bucket/key", "file:///etc/passwd"],
)
def test_only_s3_addresses_are_addresses(text: str):
    with pytest.raises(BadInput, match="write s3://bucket/key"):
        S3Address.parse(text)


@pytest.mark.parametrize(
    "bucket",
    [
        "",
        "..",
        "a",
        "ab",
        "x" * 64,
        "-abc",
        "abc-",
        "a..b",
        "A-b",
        "a_b",
        "a/b",
        "ü-ü",
        "a\nb",
        "169.254.169.254",
        "127.0.0.1",
    ],
)
def test_a_bucket_name_is_3_to_63_plain_characters(bucket: str):
    with pytest.raises(BadInput, match="no S3 bucket name"):
        S3Address(bucket, "key")


@pytest.mark.parametrize(
    "bucket",
    ["test-accessp-o0b1d075431d83bebde8xz5w8ijx1qzlbp3i3kuse10--op-s3", "a--x-s3", "a-s3alias", "a--ol-s3", "abc.mrap"],
)
def test_amazons_names_for_what_is_no_bucket_are_refused(bucket: str):
    with pytest.raises(BadInput, match="Amazon keeps its ending"):
        S3Address(bucket, "key")


@pytest.mark.parametrize("key", ["..", "../other/key", "a/../../other/key", "a/..", "./a", "a/./b", "."])
def test_a_key_with_dots_is_refused_where_an_address_is_read_and_may_be_listed(key: str):
    with pytest.raises(BadInput, match="has a part"):
        S3Address.parse(f"s3://bucket/{key}")
    assert S3Address("bucket", key).key == key


@pytest.mark.parametrize("key", ["k" * 1025, "ü" * 513, "nul\0"])
def test_a_key_of_more_than_1024_bytes_or_with_a_nul_is_refused(key: str):
    with pytest.raises(BadInput, match=r"1,024 bytes or holds a NUL"):
        S3Address("bucket", key)


@pytest.mark.parametrize(
    ("key", "parts", "joined"),
    [
        ("", ["a"], "a"),
        ("a", ["b", "c"], "a/b/c"),
        ("a/", ["b"], "a/b"),
        ("a", ["", "b"], "a/b"),
        ("a", ["b/c"], "a/b/c"),
    ],
)
def test_parts_are_joined_by_one_slash(key: str, parts: list[str], joined: str):
    assert S3Address("bucket", key).joined(*parts) == S3Address("bucket", joined)


@given(keys=st.lists(KEYS, unique=True))
def test_addresses_sort_as_their_keys_do_in_utf_8(keys: list[str]):
    addresses = sorted(S3Address("bucket", key) for key in keys)
    assert [address.key for address in addresses] == sorted(keys, key=str.encode)


def test_a_key_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(BadInput, match="not UTF-8"):
        S3Address("bucket", "half-a-pair-\ud800")
