"""Explains captured predictions: a processing job that asks the model again, and draws what its answer came from.

What lives here: the records that are asked for (records), explanations (explaining), pictures (pictures), files (job).
What does not: FullGrad itself (monitor_jobs.saliency), asking a model again (replay), an explanation's words
(contract.explanation).
"""
