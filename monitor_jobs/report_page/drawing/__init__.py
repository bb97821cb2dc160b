"""Pictures as inline SVG: pure functions from numbers to marks, with no script, no font and no file of their own.

What lives here: one module a kind of picture, and what all of them are made of (element, scale, wording). What does
not: which numbers are worth a picture (the modules of report_page beside this folder), colours (templates/style.css).
Every picture says in words what it shows, and is told apart without colour: the window is filled, the baseline a line.
"""
