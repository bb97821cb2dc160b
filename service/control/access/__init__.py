"""Who calls: signatures and API keys, verified. What lives elsewhere: what callers may do (core.access), operations."""
