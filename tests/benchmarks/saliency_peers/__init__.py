"""Known programs that draw maps, ready to be asked in this process.

What lives here: pytorch-grad-cam and Captum as they are installed, and fullgrad-saliency's procedure. What does not:
networks, timing (tests.benchmarks.saliency) and quality (tests.benchmarks.saliency_curves).
"""
