"""Other servers of torch networks, as their own guides set them up: one worker, batches of at most 16, 5 ms of waiting.

What lives here: how each is spoken to (peers), started and ended (started), a program for each, which runs in an
environment of its own with the pins beside it and our torch, and our own endpoint in the same words (ours, running).
What does not: load and figures (serving). TorchServe needs Java, Debian's openjdk-17-jre-headless.

A program is `python -m tests.benchmarks.serving_peers.PROGRAM PACKAGE PORT FOLDER`: it loads the network of a model
package, serves it on loopback, and may write into the folder. It decodes bodies as guides do.
"""
