"""Known programs' attacks, so that what is found is not our own writing of one.

What lives here: asking them. What does not: our own attack (adversarial_attacks), what is measured (adversarial).
"""
