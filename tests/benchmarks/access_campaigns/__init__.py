"""Attacks on who may do what, one kind a module, each with a control that must succeed where something is weak.

What lives here: measuring. What does not: the attacks themselves, which the tests of each promise make too.
"""
