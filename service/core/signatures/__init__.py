"""AWS Signature Version 4, verified: who signed a request, and whether it arrived as it was signed.

What lives here: a claim read from a request's head (reading), the form in which both sides sign it (canonical), its
verification against a secret and the body's hash (verifying), the refusals with AWS's codes (errors). What does not:
whose secret a key id has, whether a signature was used before (control.access), how a protocol words an error.

A body is read only from somebody who may be known: `read_signature` judges the head and the time, `verify` the rest.
"""
