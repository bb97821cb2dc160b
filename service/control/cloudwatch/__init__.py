"""CloudWatch's metrics: what jobs published, read from their rows, and what clients put, kept for two weeks.

What lives here: which metrics there are (metrics), their statistics (statistics), what clients put (kept), the
operations. What does not: alarms, which are Prometheus's (control.monitoring_metrics).
"""
