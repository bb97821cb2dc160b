"""InvokeEndpoint: `POST /endpoints/{name}/invocations`, forwarded to an endpoint's process.

What lives here: one invocation's way (invocations), the members that it may have (members), which process answers
(routes), the wire to it (connections) and to the caller (caller), answers for one who asks again (recent_answers),
AWS's error table (errors). What does not: capture, which the endpoint does; processes, which the scheduler starts.
"""
