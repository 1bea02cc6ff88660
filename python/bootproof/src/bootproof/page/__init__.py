"""The report as a page: one HTML file that needs no network and no script, beside the evidence that it links to.

The way of a run through this package, each step a pure function but the first and the last:

  folder of evidence → `evidence.read_run` → `chart.chart_of` (lanes of marks and spans, see `model`)
                     → `document.page` (with `svg.drawn`) → `folder.write_report`

What a chart shows is in the table below it as well, word for word, since both are made of the same marks. What is not
known is a span of its own that says so, never a gap.
"""
