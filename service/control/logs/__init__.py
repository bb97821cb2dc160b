"""CloudWatch Logs over the logs that are here anyway: one file a processing job, one a variant of an endpoint.

What lives here: files as events (log_file), files as groups and streams (streams), patterns (filter_pattern), the
operations. What does not: writing logs (adapters), the log of one job as a page (control.job_logs).
"""
