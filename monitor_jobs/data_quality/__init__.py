"""Data quality: what AWS's prebuilt monitor judges of every feature, against a baseline.

What lives here: summaries of columns, the statistics and constraints that they suggest, and the checks. What does not:
reading tables (monitor_jobs.feature_table), files and environment (monitor_jobs.job).
"""
