"""The report as a page for people: one HTML file with pictures, which needs no network and runs no script.

What lives here: `verdict_page` and `baseline_page`, from the types of contract.report to a text, and what erasing takes
from one. What does not: judging, files (monitor_jobs.job), a console that shows many reports (service.control).
Everything on a page is foreign: names of features and texts of records are written by whoever calls the endpoint.
They are escaped in one of two places, the templates and drawing.element, and the page allows no script at all.
"""

from monitor_jobs.report_page.page import baseline_page, verdict_page
from monitor_jobs.report_page.violations import with_violations_of

__all__ = ["baseline_page", "verdict_page", "with_violations_of"]
