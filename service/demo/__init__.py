"""The demo: a real model, real scans of handwriting and a real attack, small enough to train and run on a laptop.

What lives here: the scans (`digits`), the SageMaker package that reads them (`package`, written by `train`, packed by
`packaging`) and projected gradient descent (`attack`). What does not: anything that a deployed model needs:
`package/code` stands alone and imports nothing of this project.
"""
