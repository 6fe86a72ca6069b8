"""The study's experiments: declared once, run to the bit, judged over seeds, reported on one page."""
