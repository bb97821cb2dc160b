"""What an attacker would send: archives, pickles, addresses and names, and a sandbox that shows what they did.

What does not live here: the tests themselves (unit, contract, integration), the figures (benchmarks).
"""
