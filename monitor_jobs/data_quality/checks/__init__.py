"""The verdict of data quality: every check that AWS's prebuilt monitor makes of a column, and what chance explains.

What lives here: one small module a check, the limits they hold a window to (limits), what is known of the baseline
(baseline_columns), how much chance alone explains (chance, unseen), distances between distributions (numeric_distance,
categorical_distance), and all of them together (judging). What does not: summaries of columns and writing
statistics.json (monitor_jobs.data_quality), files and environment (monitor_jobs.job).
"""
