"""Explains captured predictions: a processing job that asks the model again, and draws what its answer came from.

What lives here: records (records), explanations (explaining), pictures (pictures), files
(job). What does not: FullGrad itself (monitor_jobs.saliency), what an explanation says (contract.explanation).
"""
