"""The scheduler process: starts what is due, collects what has ended, keeps endpoints as desired.

What lives here: `loop` (one tick after another), `endpoints` (desired to running, over `endpoint_specs` and
`endpoint_processes`), `slots` (schedules to executions),
`executions`, `requested_jobs` and `jobs` (one straight path each), `leases`, `staging` and `publishing`. What does not:
which slots are due (core.schedule), how a process is started (adapters). Only this process launches anything.
"""
