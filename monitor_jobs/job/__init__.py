"""The shell that runs a monitor inside a processing container, and the only reader of that container's environment.

What lives here: `run`, from variables and captures to report files, message and exit code, `run_job` for what is no
monitor, `perform_monitor` for a monitor that is made of its run's paths, and `leave`, how a job's process ends. What
does not: what a monitor measures (its own folder), the container's names (contract.container), pictures of a verdict
(report_page).
"""

from monitor_jobs.job.shell import leave, perform_monitor, run, run_chosen, run_job, say

__all__ = ["leave", "perform_monitor", "run", "run_chosen", "run_job", "say"]
