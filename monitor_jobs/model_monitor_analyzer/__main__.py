"""The door: `python -m monitor_jobs.model_monitor_analyzer` inside a processing container."""

import sys

from monitor_jobs.job import leave, run_chosen
from monitor_jobs.model_monitor_analyzer.choice import chosen_monitor

if __name__ == "__main__":
    leave(run_chosen("model_monitor_analyzer", chosen_monitor, sys.argv[1:]))
