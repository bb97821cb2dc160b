"""AWS's published test suite for Signature Version 4: these requests have these signatures.

Left out is the one request whose token was added after it was signed, which is refused here. What it signs for a value
folded over lines is what it signs for as many headers of that name, as which such a value is given here.
"""

from datetime import UTC, datetime
from hashlib import sha256

import pytest

from service.core.secret import Secret
from service.core.signatures.reading import read_signature
from service.core.signatures.verifying import SigningKeys, verify
from tests.signing import SECRET

NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
SCOPE = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"
HOST = (("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z"))
UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwt"
    "hAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVX"
    "AkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
FORM = ("content-type", "application/x-www-form-urlencoded")
VANILLA = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
POSTED = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"

GET = [
    ("get-vanilla", "/", (), VANILLA),
    (
        "get-vanilla-empty-query-key",
        "/?Param1=value1",
        (),
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
    ),
    (
        "get-vanilla-query-order-key-case",
        "/?Param2=value2&Param1=value1",
        (),
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "get-vanilla-query-unreserved",
        f"/?{UNRESERVED}={UNRESERVED}",
        (),
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    ("get-vanilla-utf8-query", "/?\u1234=bar", (), "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
    ("get-utf8", "/\u1234", (), "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    ("get-unreserved", f"/{UNRESERVED}", (), "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
    ("get-space", "/example space/", (), "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
    ("get-relative", "/example/..", (), VANILLA),
    ("get-relative-relative", "/example1/example2/../..", (), VANILLA),
    ("get-slash", "//", (), VANILLA),
    ("get-slash-dot-slash", "/./", (), VANILLA),
    ("get-slash-pointless-dot", "/./example", (), "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"),
    ("get-slashes", "//example//", (), "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
    (
        "get-header-key-duplicate",
        "/",
        (("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")),
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    ),
    (
        "get-header-value-multiline",
        "/",
        tuple(("my-header1", f"value{number}") for number in (1, 2, 3)),
        "ba17b383a53190154eb5fa66a1b836cc297cc0a3d70a5d00705980573d8ff790",
    ),
    (
        "get-header-value-order",
        "/",
        (("my-header1", "value4"), ("my-header1", "value1"), ("my-header1", "value3"), ("my-header1", "value2")),
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
    ),
    (
        "get-header-value-trim",
        "/",
        (("my-header1", " value1"), ("my-header2", ' "a   b   c"')),
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
]
POST = [
    ("post-vanilla", "/", (), "", POSTED),
    (
        "post-vanilla-query",
        "/?Param1=value1",
        (),
        "",
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
    ),
    (
        "post-header-key-sort",
        "/",
        (("my-header1", "value1"),),
        "",
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    (
        "post-header-value-case",
        "/",
        (("my-header1", "VALUE1"),),
        "",
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    ),
    (
        "post-sts-header-before",
        "/",
        (("x-amz-security-token", TOKEN),),
        "",
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
    ),
    (
        "post-x-www-form-urlencoded",
        "/",
        (FORM,),
        "Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
    (
        "post-x-www-form-urlencoded-parameters",
        "/",
        (("content-type", "application/x-www-form-urlencoded; charset=utf8"),),
        "Param1=value1",
        "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
    ),
]
CASES = [("GET", name, target, headers, "", signature) for name, target, headers, signature in GET]
CASES += [("POST", *case) for case in POST]


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "signature"),
    [(method, *rest) for method, _, *rest in CASES],
    ids=[name for _, name, *_ in CASES],
)
def test_a_published_request_has_its_published_signature(method, target, headers, body, signature):
    sent = [(name.encode(), value.encode()) for name, value in (*HOST, *headers)]
    names = ";".join(sorted({name for name, _ in (*HOST, *headers)}))
    authorization = f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders={names}, Signature={signature}"
    sent.append((b"authorization", authorization.encode()))
    path, _, query = target.encode().partition(b"?")
    claim = read_signature(method, path, query, sent, NOW)
    verify(claim, Secret(SECRET), sha256(body.encode()).hexdigest(), SigningKeys())
