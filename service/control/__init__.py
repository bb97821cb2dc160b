"""The control process: faces people and clients, writes what is wanted, launches nothing.

What lives here: SageMaker's operations (sagemaker), the invocation gateway, the monitoring metrics. What does not:
making it so (scheduler), models (endpoint).
"""
