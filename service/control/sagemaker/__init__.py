"""SageMaker's control plane: one table of operations that HTTP, the command line and the console all call.

What lives here: `operations` (the table), one file a resource. What does not: AWS's published request shapes
(control.shapes), the HTTP protocol (control.protocol), launching (scheduler).
"""
