"""Optimisers: 20 steps with drawn hyperparameters and groups, the state after them, and going on from a saved state."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from parity.entry import Entry, call

STEPS = 20
IMPLEMENTATIONS = ("capturable", "differentiable", "foreach", "fused")
"""Entries of PyTorch's groups that choose between implementations; ours have none."""

shapes = st.lists(st.lists(st.integers(1, 3), max_size=4).map(tuple), min_size=2, max_size=4)
rates = st.floats(1e-3, 0.3)
small = st.floats(0.01, 0.3)
decays = st.one_of(st.just(0), small)
betas = st.tuples(st.floats(0.1, 0.95), st.floats(0.5, 0.999))
truth = st.booleans()


def train(lib, name, options, group_options, shapes, seed, resumed_after):
    """Parameters and state after 20 steps; gradients are drawn, and at times missing."""
    generator = np.random.default_rng(seed)
    parameters = [lib.nn.Parameter(lib.tensor(generator.standard_normal(shape))) for shape in shapes]

    def optimizer():
        groups = [{"params": parameters[:1]}, {"params": parameters[1:], **group_options}]
        return getattr(lib.optim, name)(groups, **options)

    running = optimizer()
    for step in range(STEPS):
        for number, parameter in enumerate(parameters):
            gradient = generator.standard_normal(tuple(parameter.shape))
            parameter.grad = None if (step + number) % 5 == 4 else lib.tensor(gradient)
        running.step()
        if step == resumed_after:
            saved = running.state_dict()
            running = optimizer()
            running.load_state_dict(saved)
    return [parameter.detach() for parameter in parameters], description(running)


def description(optimizer):
    state = optimizer.state_dict()
    groups = [{key: group[key] for key in group if key not in IMPLEMENTATIONS} for group in state["param_groups"]]
    # PyTorch's SGD names a buffer that it has not got; tinyconv's leaves the name out.
    states = {
        number: {key: value for key, value in state["state"][number].items() if value is not None}
        for number in sorted(state["state"])
    }
    return {"state": states, "param_groups": groups}


def calls(name, options, resumes=True):
    return st.builds(
        lambda options, rate, shapes, seed, resumed: call(name, options, {"lr": rate}, shapes, seed, resumed),
        st.fixed_dictionaries({}, optional={"lr": rates, "maximize": truth, **options}),
        rates,
        shapes,
        st.integers(0, 1000),
        st.one_of(st.none(), st.integers(0, STEPS - 2)) if resumes else st.none(),
    )


def refused(name, *options):
    """Calls with options that the constructor does not take."""
    return tuple(call(name, option, {}, [(2,), (2,)], 0, None) for option in options)


def entry(name, options, *bad, resumes=True):
    return Entry(
        f"optim.{name}",
        calls=calls(name, options, resumes),
        program=train,
        bad=refused(name, {"lr": -0.1}, {"unknown": 1}, *bad),
        example_count=16,
    )


adam = {"betas": betas, "eps": st.floats(1e-8, 1e-3), "weight_decay": decays}
BETAS = ({"betas": (1.0, 0.9)}, {"betas": (0.9, -0.1)}, {"eps": -1.0}, {"weight_decay": -0.1})


def momenta(lib, options, *rest):
    """SGD with options that exclude each other left out."""
    options = dict(options)
    if options.get("nesterov"):
        options["dampening"] = 0
        options["momentum"] = options.get("momentum") or 0.9
    return train(lib, "SGD", options, *rest)


def write_ones_own(lib, rate, shape, seed, named):
    """An optimiser as a user derives it, with hooks, a closure, groups that are added, and gradients that go."""
    tc = lib.tc

    class Plain(lib.optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        def step(self, closure=None):
            loss = None
            if closure is not None:
                with tc.enable_grad():
                    loss = closure()
            with tc.no_grad():
                for group in self.param_groups:
                    for parameter in group["params"]:
                        if parameter.grad is not None:
                            parameter.sub_(parameter.grad * group["lr"])
            return loss

    generator = np.random.default_rng(seed)
    first, second = (lib.nn.Parameter(lib.tensor(generator.standard_normal(shape))) for _ in range(2))
    optimizer = Plain([("first", first)] if named else [first], rate)
    optimizer.add_param_group({"params": [("second", second)] if named else second, "lr": rate / 2})
    seen = []
    before = optimizer.register_step_pre_hook(lambda own, args, kwargs: seen.append((own is optimizer, len(args))))
    optimizer.register_step_post_hook(lambda own, args, kwargs: seen.append(sorted(kwargs)))

    def closure():
        optimizer.zero_grad()
        loss = (first * second).sum()
        loss.backward()
        return loss

    losses = [optimizer.step(closure).detach()]
    before.remove()
    losses.append(optimizer.step(closure=closure).detach())
    optimizer.zero_grad(set_to_none=False)
    gradients = [first.grad.clone()]
    optimizer.zero_grad()
    gradients.append(first.grad)
    return losses, first.detach(), second.detach(), seen, gradients, description(optimizer), repr(optimizer)


def refuse_parameters(lib, what):
    """What is given in place of parameters; the rest of an optimiser is right."""
    parameter = lib.nn.Parameter(lib.tensor(np.ones(2)))
    computed = parameter * 2
    given = {
        "nothing": [],
        "a tensor": parameter,
        "numbers": [1.0, 2.0],
        "computed": [computed],
        "in two groups": [{"params": [parameter]}, {"params": [parameter]}],
        "a set": [{"params": {parameter}}],
        "half named": [("weight", parameter), computed.detach()],
    }[what]
    return lib.optim.SGD(given, lr=0.1)


def own_or_refused(lib, *args):
    return refuse_parameters(lib, *args) if isinstance(args[0], str) else write_ones_own(lib, *args)


ENTRIES = [
    Entry(
        "optim.Optimizer",
        calls=st.builds(
            call,
            rates,
            st.lists(st.integers(1, 3), max_size=3).map(tuple),
            st.integers(0, 1000),
            truth,
        ),
        program=own_or_refused,
        bad=tuple(
            call(what)
            for what in ("nothing", "a tensor", "numbers", "computed", "in two groups", "a set", "half named")
        ),
    ),
    Entry(
        "optim.SGD",
        calls=calls(
            "SGD",
            {
                "momentum": st.one_of(st.just(0), st.floats(0.1, 0.95)),
                "dampening": decays,
                "weight_decay": decays,
                "nesterov": truth,
            },
        ).map(lambda drawn: call(*drawn.args[1:])),
        program=lambda lib, *args: momenta(lib, *args) if isinstance(args[0], dict) else train(lib, *args),
        bad=refused(
            "SGD",
            {"lr": -0.1},
            {"momentum": -0.5},
            {"weight_decay": -1.0},
            {"nesterov": True},
            {"nesterov": True, "momentum": 0.9, "dampening": 0.1},
        ),
    ),
    entry("Adam", {**adam, "amsgrad": truth, "decoupled_weight_decay": truth}, *BETAS),
    entry("AdamW", {**adam, "amsgrad": truth}, *BETAS),
    entry("Adamax", adam, *BETAS),
    # PyTorch turns the float32 product of the momenta into the parameters' type when it loads a state, and goes on
    # from a number that it would not have had; tinyconv goes on from the same. Its own tests resume.
    entry(
        "NAdam",
        {**adam, "momentum_decay": st.floats(1e-3, 0.1), "decoupled_weight_decay": truth},
        *BETAS,
        {"momentum_decay": -1.0},
        resumes=False,
    ),
    entry("RAdam", {**adam, "decoupled_weight_decay": truth}, *BETAS),
    entry(
        "Adadelta",
        {"rho": st.floats(0.1, 0.99), "eps": st.floats(1e-6, 1e-3), "weight_decay": decays},
        {"rho": 1.5},
        {"eps": -1.0},
        {"weight_decay": -1.0},
    ),
    entry(
        "Adagrad",
        {
            "lr_decay": decays,
            "weight_decay": decays,
            "initial_accumulator_value": st.one_of(st.just(0), small),
            "eps": st.floats(1e-10, 1e-3),
        },
        {"lr_decay": -1.0},
        {"initial_accumulator_value": -1.0},
        {"eps": -1.0},
    ),
    entry(
        "RMSprop",
        {
            "alpha": st.floats(0.5, 0.99),
            "eps": st.floats(1e-8, 1e-3),
            "weight_decay": decays,
            "momentum": st.one_of(st.just(0), st.floats(0.1, 0.95)),
            "centered": truth,
        },
        {"alpha": -1.0},
        {"momentum": -1.0},
        {"eps": -1.0},
    ),
    # As for NAdam: PyTorch's loading changes the type of `eta` and `mu`.
    entry(
        "ASGD",
        {
            "lambd": st.floats(1e-4, 0.1),
            "alpha": st.floats(0.5, 1),
            "t0": st.sampled_from([0, 3, 1e6]),
            "weight_decay": decays,
        },
        {"weight_decay": -1.0},
        resumes=False,
    ),
    entry(
        "Rprop",
        {
            "etas": st.tuples(st.floats(0.1, 0.9), st.floats(1.1, 2)),
            "step_sizes": st.tuples(st.floats(1e-6, 1e-3), st.floats(0.1, 50)),
        },
        {"etas": (1.5, 1.2)},
        {"etas": (0.5, 0.9)},
    ),
]
