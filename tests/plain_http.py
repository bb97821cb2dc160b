"""httpx for a server on loopback: past the environment's proxy, and without a certificate in memory.

httpx itself reads every root certificate for each call that is not a client's: 40 ms, thousands of times.
"""

import ssl
from functools import partial
from typing import Final

import httpx

NO_ROOTS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody; plain HTTP asks it nothing

get = partial(httpx.get, verify=NO_ROOTS, trust_env=False)
post = partial(httpx.post, verify=NO_ROOTS, trust_env=False)
request = partial(httpx.request, verify=NO_ROOTS, trust_env=False)
Client = partial(httpx.Client, verify=NO_ROOTS, trust_env=False)
