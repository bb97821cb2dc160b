"""One room for each outside thing: the database, and the processes and containers that are launched.

What lives here: adapters of the ports in core.ports. What does not: decisions (core). Only `wiring` imports from here.
"""
