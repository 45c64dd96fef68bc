"""The report of a publish run as one page of HTML, which needs nothing but itself."""
