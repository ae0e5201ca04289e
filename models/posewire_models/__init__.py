"""The reference pose networks, their model card, and the arithmetic around them.

The exporter, the quantiser and the demo's training share this package, so that
there is one way to crop a picture, decode a heatmap and compute a score.
"""
