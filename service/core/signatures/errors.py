"""Why a signed request is refused, with the codes and statuses of AWS.

SignatureRefused
├── MissingAuthenticationToken   the request is not signed
├── IncompleteSignature          the signature lacks a part, or a part has no form that can be read (400)
├── UnrecognizedClient           nobody has the key that it names
└── InvalidSignature             it is not what the key's secret makes of the request, or not of this time
"""

from monitor_jobs.contract.errors import SextantError


class SignatureRefused(SextantError):
    """A request whose signer is not known; `code` in JSON protocols, `query_code` in the query protocol."""

    status = 403
    code = "AccessDeniedException"
    query_code = "AccessDenied"


class MissingAuthenticationToken(SignatureRefused):
    """The request is not signed."""

    code, query_code = "MissingAuthenticationTokenException", "MissingAuthenticationToken"


class IncompleteSignature(SignatureRefused):
    """The signature lacks a part, or a part has no form that can be read."""

    status = 400
    code, query_code = "IncompleteSignatureException", "IncompleteSignature"


class UnrecognizedClient(SignatureRefused):
    """Nobody has the key that the signature names."""

    code, query_code = "UnrecognizedClientException", "InvalidClientTokenId"


class InvalidSignature(SignatureRefused):
    """The signature is not what the key's secret makes of the request, or not of this time."""

    code, query_code = "InvalidSignatureException", "SignatureDoesNotMatch"
