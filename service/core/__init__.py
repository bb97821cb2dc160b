"""Pure decisions: cron and windows, states, sampling, names, and the ports that adapters fill.

What lives here: functions and frozen values; time, randomness and settings come in as arguments. What does not: I/O,
clocks, environment, logging. Imports the standard library, pydantic, apscheduler.triggers.cron and
monitor_jobs.contract only.
"""
