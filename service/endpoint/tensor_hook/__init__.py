"""Keeps tensors of chosen requests, without a line in the model's code and without making an answer wait.

While a request is answered, what the network is given and answers is noted (watch). Once the answer is on its way it is
decided whether that is to be kept (selection); gradients, packing and the store are a thread's of its own (keeper).

What lives here: the endpoint's part. What does not: what is asked for (contract.debug_hook), tensors (monitor_jobs).
"""
