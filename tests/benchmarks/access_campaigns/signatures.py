"""Every single change of real clients' signed requests, and the time that it takes to verify a request.

What lives here: counting and timing. What does not: the requests (tests.signed_calls), the changes
(tests.signature_tampers).
"""

import hmac
import statistics
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from service.core.secret import Secret
from service.core.signatures.errors import SignatureRefused
from service.core.signatures.reading import read_signature
from service.core.signatures.verifying import SigningKeys, verify
from tests.benchmarks.figures import Figure, interleaved, median_at_most
from tests.signature_tampers import Tampered, signed_names, tampered
from tests.signed_calls import genuine_requests, request_of
from tests.signing import ADDRESS, KEY_ID, SECRET, Arrived, signed_at

BODY_BYTES = 50_000
BATCH = 100
PAIRS, QUICK_PAIRS = 100, 20
HEAD_BYTES = 65_536
SHOWN = 5


def measured(_folder: Path, *, quick: bool) -> tuple[dict[str, Figure], dict[str, str]]:
    """All figures; nothing is missing in either form."""
    pairs = QUICK_PAIRS if quick else PAIRS
    timed = {"unknown_key_time_apart": unknown_key_figure(pairs), "sigv4_hostile_64kb_ms": hostile()}
    return {**tamper_figures(), **speed_figures(pairs), **timed}, {}


def tamper_figures() -> dict[str, Figure]:
    """How many changes were tried, and how many were taken for the request that was signed."""
    requests = genuine_requests()
    refused = [name for name, request in requests.items() if not is_accepted(request, signed_at(request))]
    assert not refused, f"genuine requests are refused, so that refusals say nothing: {refused}"
    changes = [change for request in requests.values() for change in tampered(request)]
    accepted = [what for what, request, now in changes if is_accepted(request, now)]
    kinds = len({what.split()[0] for what, _, _ in changes})
    note = (
        f"{kinds} kinds, on {len(requests)} genuine requests, which are all verified; a verifier that believes the"
        f" client's hash of the body takes {believed(requests.values())}"
    )
    return {
        "signature_tampers": Figure(len(changes), "changes", ">= 1000", note),
        "signature_tamper_accepted": Figure(len(accepted), "changes", "<= 0", "; ".join(accepted[:SHOWN])),
    }


def believed(requests: Iterable[Arrived]) -> int:
    """The control: the changes that a verifier takes which hashes the body that was signed, not the one that came."""
    return sum(
        is_accepted(replace(changed, body=request.body), now)
        for request in requests
        for _, changed, now in _of_the_body(tampered(request))
    )


def is_accepted(request: Arrived, now: object) -> bool:
    try:
        request.verify(now)
    except SignatureRefused:
        return False
    return True


def speed_figures(pairs: int) -> dict[str, Figure]:
    """Microseconds for both phases on a request that boto3's runtime client signed."""
    request = request_of("sagemaker-runtime", _invocation)
    now, keys, secret = signed_at(request), SigningKeys(), Secret(SECRET)
    assert re_signed(request), "botocore does not make this signature again"
    seconds: list[float] = []

    def verified() -> None:
        claim = read_signature(request.method, request.path, request.query, request.headers, now)
        verify(claim, secret, sha256(request.body).hexdigest(), keys)

    timed = interleaved(
        lambda _pair: seconds.append(seconds_of(verified)),
        lambda _pair: seconds_of(lambda: re_signed(request)),
        pairs,
        clock=time.process_time,
    )
    hashed = statistics.median(seconds_of(lambda: sha256(request.body).hexdigest()) for _ in range(pairs))
    note = (
        f"processor time of both phases, body {BODY_BYTES} bytes, whose hash alone takes {hashed * 1e6:.1f} us;"
        f" upper end of the 95 % interval of the median of {pairs} batches of {BATCH}; botocore's signing anew and"
        f" comparing takes {timed.at_least:.2f} times as long ({timed})"
    )
    return {"sigv4_us_50kb": Figure(median_at_most(seconds) * 1e6, "us", "<= 60", note)}


def unknown_key_figure(pairs: int) -> Figure:
    """How much longer or shorter a key that nobody has takes than a signature that is wrong, at the worse end."""
    request = genuine_requests()["sagemaker, members"]
    claim, keys, body = request.read(signed_at(request)), SigningKeys(), sha256(request.body).hexdigest()
    another = Secret("another")

    def refused(secret: Secret | None) -> None:
        with suppress(SignatureRefused):
            verify(claim, secret, body, keys)

    timed = interleaved(
        lambda _pair: seconds_of(lambda: refused(another)),
        lambda _pair: seconds_of(lambda: refused(None)),
        pairs,
        clock=time.process_time,
    )
    apart = max(median_at_most(timed.ratios) - 1, 1 - timed.at_least)
    note = f"a key that nobody has, compared with a wrong signature, {timed}"
    return Figure(apart, "share", "<= 0.2", note)


def seconds_of(work: Callable[[], object]) -> float:
    """Processor seconds of one of a batch."""
    started = time.process_time()
    for _ in range(BATCH):
        work()
    return (time.process_time() - started) / BATCH


def re_signed(request: Arrived) -> bool:
    """The peer: botocore's signature of what arrived, compared with the one that came."""
    headers = dict(request.headers)
    again = AWSRequest(request.method, ADDRESS + request.path.decode(), data=request.body)
    for name in signed_names(request):
        again.headers[name.decode()] = headers[name].decode()
    again.context["timestamp"] = headers[b"x-amz-date"].decode()
    signer = SigV4Auth(Credentials(KEY_ID, SECRET), "sagemaker", "us-east-1")
    made = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
    return hmac.compare_digest(made, headers[b"authorization"].decode().rpartition("=")[2])


def hostile() -> Figure:
    """The longest time that a head of 64 KB takes, of those that are made to take long."""
    taken: dict[str, float] = {}
    for name, request in hostile_requests().items():
        started = time.process_time()
        is_accepted(request, signed_at(request))
        taken[name] = time.process_time() - started
    worst = max(taken, key=lambda name: taken[name])
    return Figure(taken[worst] * 1e3, "ms", "<= 5", f"{worst}, the slowest of {len(taken)} heads of 64 KB")


def hostile_requests() -> dict[str, Arrived]:
    """Heads of 64 KB from somebody without a key, each long in another place."""
    genuine = genuine_requests()["sagemaker, members"]
    link = genuine_requests()["presigned"]
    names = b";".join(b"a%d" % number for number in range(1000, 2600))
    return {
        "a path of slashes": replace(genuine, path=b"/" * HEAD_BYTES),
        "a path of dots": replace(genuine, path=b"/.." * (HEAD_BYTES // 3)),
        "a path to encode": replace(genuine, path=b"/" + b"%" * HEAD_BYTES),
        "a query of pairs": replace(genuine, query=b"a&" * (HEAD_BYTES // 2)),
        "a query to be ordered": replace(genuine, query=b"&".join(b"%04x" % (n * 40503 % 65536) for n in range(13000))),
        "presigned parts": replace(link, query=link.query + b"&X-Amz-a" * (HEAD_BYTES // 8)),
        "a header given often": _with(genuine, [(b"a", b"b")] * (HEAD_BYTES // 4)),
        "many headers": _with(genuine, [(b"x%d" % number, b"") for number in range(HEAD_BYTES // 8)]),
        "as many headers as may be": _with(genuine, [(b"x%d" % number, b"a " * 330) for number in range(90)]),
        "as long a query as may be": replace(genuine, query=b"&".join([b"b" * 80] * 100)),
        "a signature of commas": _authorized(genuine, b"AWS4-HMAC-SHA256 " + b"," * 8100 + b"Signature="),
        "a signature of signatures": _authorized(genuine, b"AWS4-HMAC-SHA256 " + b"Signature=" * 800),
        "an authorization without end": _authorized(genuine, b"AWS4-HMAC-SHA256 " + b"a" * HEAD_BYTES),
        "names without headers": _authorized(genuine, genuine.header(b"authorization").replace(b"content-type", names)),
        "whitespace to fold": _with(genuine, [(b"host", b"a " * (HEAD_BYTES // 2))]),
    }


def _with(request: Arrived, headers: list[tuple[bytes, bytes]]) -> Arrived:
    kept = [(name, value) for name, value in request.headers if name not in dict(headers)]
    return replace(request, headers=(*kept, *headers))


def _authorized(request: Arrived, authorization: bytes) -> Arrived:
    return _with(request, [(b"authorization", authorization)])


def _of_the_body(changes: Iterable[Tampered]) -> Iterable[Tampered]:
    return (change for change in changes if change[0].startswith("body"))


def _invocation(client: object) -> None:
    client.invoke_endpoint(
        EndpointName="digits",
        Body=bytes(BODY_BYTES),
        ContentType="application/x-npy",
        Accept="application/json",
        InferenceId="an id",
    )
