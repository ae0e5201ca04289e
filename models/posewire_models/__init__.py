"""The reference pose networks, their model card, and the arithmetic around them.

One package serves the exporter, the quantiser and the demo's training, so that
a picture is cropped, a heatmap decoded and a score computed in one way only.
"""
