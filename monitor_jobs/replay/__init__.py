"""Asks a model again for captured requests, and sees what its network is called with.

What lives here: a job's model (models), a record's body (bodies), the network inside a model (network). What does not:
loading a package (model_functions), and what is done with a network's inputs (explain, saliency_drift).
"""
