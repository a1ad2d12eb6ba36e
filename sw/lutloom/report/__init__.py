"""One page and one JSON file from what the steps of the road left behind.

``collect`` reads the records of models' folders, ``write_report`` writes page and JSON;
``write_attention_report`` those of a layer of attention.
"""

from lutloom.report.attention_page import render_attention_page, write_attention_report
from lutloom.report.collect import collect
from lutloom.report.page import render_page, write_report
from lutloom.report.results import ModelReport, Report, read_report

__all__ = [
    "ModelReport",
    "Report",
    "collect",
    "read_report",
    "render_attention_page",
    "render_page",
    "write_attention_report",
    "write_report",
]
