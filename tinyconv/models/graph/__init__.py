"""Networks described as graphs of ONNX's operators: the description, and the module that runs and trains one."""

from tinyconv.models.graph.description import Graph, Node, Port, Weight
from tinyconv.models.graph.module import GraphModule

__all__ = ["Graph", "GraphModule", "Node", "Port", "Weight"]
