"""The report of `hub simulate --report`: one page, tables as CSV, and the same as JSON."""
