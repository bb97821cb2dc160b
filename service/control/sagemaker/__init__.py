"""SageMaker's control plane: one table of operations that HTTP, the command line and the console all call.

What lives here: `shapes` (AWS's published request shapes), `operations` (the table), one file a resource. What does
not: the HTTP protocol (control.protocol), launching (scheduler).
"""
