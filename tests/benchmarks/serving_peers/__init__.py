"""Other servers of torch networks, as their own guides set them up: one worker, batches of at most 16, 5 ms of waiting.

What lives here: how each is spoken to (peers), started and ended (started), and a program for each, which runs in an
environment of its own with the pins beside it and our torch. What does not: load and figures (serving).

A program is `python -m tests.benchmarks.serving_peers.PROGRAM PACKAGE PORT FOLDER`: it loads the network of a model
package, serves it on loopback, and may write into the folder. It decodes bodies as guides do.
"""
