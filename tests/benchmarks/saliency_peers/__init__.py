"""The two known programs that draw FullGrad maps, ready to be asked in this process.

What lives here: pytorch-grad-cam as it is installed, and fullgrad-saliency's procedure. What does not: networks and
timing (tests.benchmarks.saliency).
"""
