"""Data quality by three libraries, each a program of its own that answers requests on its input, a line each.

A request is the path of a CSV file; the first is the baseline's. An answer is a JSON object: the processor seconds that
reading and judging took, the rows, the mean of each column of numbers, the columns that drifted, and the highest
resident memory so far in MB. The peers know nothing of this project, and are written as their guides say.
"""
