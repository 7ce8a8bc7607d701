"""Floor 7: feature maps. Caught (capture), drawn (grids, evolution), kept (archive), followed (recorder), and shown as
they change: in an animation (animation), on a page with a slider (web), both of a whole run (evolve).
"""

from tinyconv.features.animation import evolution_frames, save_evolution_gif
from tinyconv.features.archive import Features, load_features, save_features
from tinyconv.features.capture import Activations, capture, feature_extractor
from tinyconv.features.channels import parse_channels
from tinyconv.features.dump import dump_features
from tinyconv.features.evolution import evolution_strip, save_evolution_strip
from tinyconv.features.evolve import write_evolution
from tinyconv.features.grids import feature_grid, save_feature_grid
from tinyconv.features.layers import Layer
from tinyconv.features.probes import Probes, choose_probes
from tinyconv.features.recorder import FeatureRecorder
from tinyconv.features.web.page import evolution_page

__all__ = [
    "Activations",
    "FeatureRecorder",
    "Features",
    "Layer",
    "Probes",
    "capture",
    "choose_probes",
    "dump_features",
    "evolution_frames",
    "evolution_page",
    "evolution_strip",
    "feature_extractor",
    "feature_grid",
    "load_features",
    "parse_channels",
    "save_evolution_gif",
    "save_evolution_strip",
    "save_feature_grid",
    "save_features",
    "write_evolution",
]
