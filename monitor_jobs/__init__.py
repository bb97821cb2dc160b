"""Everything that runs inside a processing container.

What lives here: the contract (types and formats), reading captures, and one folder per monitor.
What does not: scheduling, HTTP, databases; those live in `service`, which imports from here and never the reverse.
"""
