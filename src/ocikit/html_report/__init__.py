"""The report of a publish run as one self-contained HTML page."""
