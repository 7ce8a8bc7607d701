"""The graph of a model as a picture: an SVG file, made without any tool but this one.

What the model computes (models.tracing) becomes boxes and arrows (blocks, in words), the boxes are put into rows
(layout), and both are drawn (svg).
"""

from tinyconv.models.drawing.svg import model_graph, save_model_graph

__all__ = ["model_graph", "save_model_graph"]
