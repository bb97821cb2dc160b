"""Asks a model again for captured requests.

What lives here: a job's model (models), a record's body (bodies). What does not: loading a package and watching its
network (model_functions), and what is done with a network's inputs (explain, saliency_drift).
"""
