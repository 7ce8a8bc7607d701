"""Mistakes with optimisers, schedules, data and devices."""

from mistakes.table import family

W = "w = tc.ones(1, requires_grad=True)\n"
SGD = W + "sgd = optim.SGD([w], lr=0.1)\n"

add = family("optimisers")
add("an optimiser without parameters", "optim.SGD([], lr=0.1)", "SGD:", "empty", way_out="model.parameters()")
add("a learning rate below zero", W + "optim.Adam([w], lr=-1.0)", "Adam:", "lr", "-1.0", way_out="at least 0")
add(
    "Nesterov without momentum",
    W + "optim.SGD([w], lr=0.1, nesterov=True)",
    "SGD:",
    "momentum=0",
    way_out="a momentum above 0",
)
add(
    "an optimiser given a model instead of its parameters",
    "optim.SGD(nn.Linear(2, 2), lr=0.1)",
    "SGD:",
    "Linear",
    way_out="model.parameters()",
)
add(
    "a parameter in two groups of an optimiser",
    W + "optim.SGD([{'params': [w]}, {'params': [w]}], lr=0.1)",
    "SGD:",
    "(1,)",
    way_out="one group",
)
add(
    "an optimiser given a result instead of a parameter",
    W + "optim.SGD([w * 2], lr=0.1)",
    "SGD:",
    "Multiply",
    way_out="leaves",
)
add("Adam with a beta of one", W + "optim.Adam([w], betas=(0.9, 1.0))", "Adam:", "(0.9, 1.0)", way_out="[0, 1)")
add(
    "the state of another optimiser",
    SGD + "other = optim.SGD([w, tc.ones(1, requires_grad=True)], lr=0.1)\nother.load_state_dict(sgd.state_dict())",
    "SGD",
    "[1]",
    "[2]",
    way_out="the parameters it was saved with",
)
add(
    "a learning-rate decay below zero",
    W + "optim.Adagrad([w], lr_decay=-0.5)",
    "Adagrad:",
    "lr_decay",
    "-0.5",
    way_out="at least 0",
)

add = family("schedules")
add(
    "a schedule given a model instead of an optimiser",
    "optim.lr_scheduler.StepLR(nn.Linear(2, 2), 10)",
    "StepLR:",
    "Linear",
    way_out="Optimizer",
)
add(
    "a one-cycle schedule of no length",
    SGD + "optim.lr_scheduler.OneCycleLR(sgd, max_lr=1.0)",
    "OneCycleLR:",
    "total_steps=None",
    way_out="epochs and steps_per_epoch",
)
add(
    "more steps than the one-cycle schedule has",
    SGD + "cycle = optim.lr_scheduler.OneCycleLR(sgd, max_lr=1.0, total_steps=1)\ncycle.step()\ncycle.step()",
    "OneCycleLR:",
    "step 2",
    "1 total_steps",
    way_out="once per batch",
)
add(
    "ReduceLROnPlateau with an unknown mode",
    SGD + "optim.lr_scheduler.ReduceLROnPlateau(sgd, mode='least')",
    "ReduceLROnPlateau:",
    "'least'",
    way_out="'min'",
)
add(
    "schedules and milestones that do not match",
    SGD + "steps = optim.lr_scheduler.StepLR(sgd, 1)\noptim.lr_scheduler.SequentialLR(sgd, [steps], milestones=[2, 4])",
    "SequentialLR:",
    "1 schedules",
    "got 2",
    way_out="meet at 0",
)
add(
    "a warm-up's start factor above one",
    SGD + "optim.lr_scheduler.LinearLR(sgd, start_factor=2.0)",
    "LinearLR:",
    "start_factor",
    "2.0",
    way_out="1",
)

add = family("data")
add(
    "a TensorDataset of tensors of other lengths",
    "TensorDataset(tc.ones(4, 2), tc.ones(3))",
    "TensorDataset:",
    "(4, 2)",
    "(3,)",
    way_out="same first dimension",
)
add(
    "a loader with batches of size zero",
    "DataLoader(TensorDataset(tc.ones(4)), batch_size=0)",
    "batch_size",
    "0",
    way_out="positive",
)
add(
    "a loader with both a sampler and shuffle=True",
    "d = TensorDataset(tc.ones(4))\nDataLoader(d, shuffle=True, sampler=SequentialSampler(d))",
    "DataLoader:",
    "sampler",
    "shuffle=True",
    way_out="give one of them",
)
add(
    "images of other sizes in a batch",
    "list(DataLoader([tc.ones(3, 8, 8), tc.ones(3, 9, 8)], batch_size=2))",
    "(3, 8, 8)",
    "(3, 9, 8)",
    way_out="resize or pad",
)
add(
    "random_split into lengths that do not add up",
    "random_split(TensorDataset(tc.ones(10)), [5, 4])",
    "random_split:",
    "9",
    "10 samples",
    way_out="sum to",
)
add(
    "a loader with fewer than zero workers",
    "DataLoader(TensorDataset(tc.ones(4)), num_workers=-1)",
    "DataLoader:",
    "num_workers",
    "-1",
    way_out=">= 0",
)

add = family("devices")
add(
    "a GPU that is not there",
    "tc.zeros(2, device='cuda:7')",
    "'cuda:7'",
    way_out="cpu",
)
add("a device that does not exist", "tc.device('gpu')", "'gpu'", way_out="cpu")
