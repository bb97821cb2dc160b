"""Who may come in: what the control process remembers and asks of callers before an operation runs.

What lives here: signatures that were used already (replay). What does not: how a signature is read and verified
(core.signatures), the decision of what a user may do (core.access), the operations.
"""
