"""Explains captured predictions: a processing job that asks the model again, and draws what its answer came from.

What lives here: requests that are asked for, where they were captured (records, captured) or kept (kept), explanations
(explaining), pictures (pictures), files (job). What does not: FullGrad itself (monitor_jobs.saliency), asking a model
again (replay), tensors (tensors), an explanation's words (contract.explanation).
"""
