"""The bargain under which one process takes over from another without a failed request.

Whoever forwards requests uses an address for so long after it was read; what was at an address goes on answering for
longer than that. Other weights count as given once nobody can hold the old ones any more. Nothing else ties the two
together: the database is all that they share.
"""

from datetime import timedelta

ADDRESS_SECONDS = 0.5  # from the moment the row was asked for to the moment a request is sent
LINGER = timedelta(seconds=2.0)  # the rest is for the request to be received, on a machine that is busy
