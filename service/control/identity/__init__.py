"""Users, their keys and what they may do, administered in IAM's words; and who calls, in STS's.

What lives here: the operations of both APIs that are served. What does not: telling callers by their keys
(control.access), what a role allows (core.access).
"""
