"""A model package's functions, called as SageMaker's PyTorch toolkit does, wherever a model is run.

What lives here: loading `code/inference.py` with the toolkit's defaults (functions), bodies and answers (codecs), what
the defaults need torch for (torch_defaults). What does not: serving (service.endpoint), unpacking (model_archive).
"""
