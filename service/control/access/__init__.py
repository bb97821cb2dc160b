"""Who calls: signatures and API keys, verified; and which operation needs what of whom, in one table.

What lives elsewhere: what roles allow (core.access), operations.
"""
