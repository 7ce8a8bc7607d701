"""Mistakes with modules, initialisation and weights."""

from mistakes.table import family

add = family("modules")
add(
    "a module that forgets super().__init__()",
    "class Net(nn.Module):\n    def __init__(self):\n        self.fc = nn.Linear(2, 2)\n\nNet()",
    "Net:",
    '"fc"',
    way_out="super().__init__()",
)
add(
    "a list as a layer",
    "nn.Sequential([nn.Linear(2, 2), nn.ReLU()])",
    "Sequential:",
    "list",
    way_out="must be a Module",
)
add(
    "a module without a forward",
    "class Net(nn.Module):\n    pass\n\nNet()(tc.zeros(1))",
    "Net",
    '"forward"',
    way_out="write one",
)
add(
    "a linear layer fed another number of features",
    "nn.Sequential(nn.Flatten(), nn.Linear(100, 10))(tc.zeros(4, 1, 12, 12))",
    "layer 1",
    "(4, 144)",
    "(10, 100)",
    way_out="in_features=144",
)
add(
    "a plain tensor registered as a parameter",
    "nn.Module().register_parameter('scale', tc.ones(1))",
    '"scale"',
    "Tensor",
    way_out="nn.Parameter",
)
add(
    "a parameter replaced by a tensor",
    "layer = nn.Linear(2, 2)\nlayer.weight = tc.ones(2, 2)",
    "Linear:",
    '"weight"',
    "Tensor",
    way_out="nn.Parameter",
)
add(
    "a layer past the end of a Sequential",
    "nn.Sequential(nn.ReLU())[1]",
    "Sequential:",
    "index 1",
    way_out="its 1 modules",
)
add(
    "Xavier initialisation of a vector",
    "nn.init.xavier_uniform_(tc.zeros(5))",
    "fan_in",
    "(5,)",
    way_out="zeros_ or uniform_",
)
add(
    "the gain of an unknown nonlinearity",
    "nn.init.calculate_gain('swish')",
    "calculate_gain:",
    "'swish'",
    way_out="leaky_relu",
)
add(
    "clipping gradients that became infinite",
    "w = nn.Parameter(tc.ones(1))\nw.grad = tc.tensor([float('inf')])\n"
    "nn.utils.clip_grad_norm_([w], 1.0, error_if_nonfinite=True)",
    "clip_grad_norm_:",
    "inf",
    way_out="lower the learning rate",
)

add = family("weights")
add(
    "loading weights of a model with other sizes",
    "nn.Linear(4, 3).load_state_dict(nn.Linear(4, 2).state_dict())",
    "Linear",
    '"weight"',
    "(3, 4)",
    "(2, 4)",
    way_out="Build the model with the options it was saved with",
)
add(
    "loading weights of a model with other names",
    "nn.Sequential(nn.Linear(2, 2)).load_state_dict(nn.Linear(2, 2).state_dict())",
    "Sequential",
    '"0.weight"',
    'unexpected "weight"',
    way_out="strict=False",
)
add(
    "saving weights together with their model",
    "tc.save(nn.Linear(2, 2), 'model.pt')",
    "save",
    "Linear",
    way_out="state_dict()",
    accepted="PyTorch pickles the whole object, which runs code when it is loaded",
)
add(
    "loading weights from a file that is not there",
    "tc.load('nowhere.safetensors')",
    "nowhere.safetensors",
    way_out="does not exist",
)
add(
    "a file of weights that holds something else",
    "with open('notes.pt', 'w') as file:\n    file.write('not weights')\ntc.load('notes.pt')",
    "notes.pt",
    way_out="safetensors",
)
