"""AWS's image sagemaker-model-monitor-analyzer, which is several monitors: the environment says which one is asked for.

What lives here: that choice, and the door. What does not: the monitors.
"""
