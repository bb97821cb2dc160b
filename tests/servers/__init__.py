"""Starts real servers for the tests, on loopback ports chosen free, in processes that the tests own and end by id.

What lives here: one file per server, their child processes, and which package holds which program.
What does not: fixtures and the rule for skipping (tests/conftest.py), what a server is asked (the suites that use it).
"""
