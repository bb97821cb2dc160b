"""One room for each outside thing: the database, and processes that the scheduler launches.

What lives here: adapters of the ports in core.ports. What does not: decisions (core). Only `wiring` imports from here.
"""
