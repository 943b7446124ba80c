"""PyTorch networks are read with the objective that autograd differentiated."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("torch")
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import prune

from certify import InputError, OutOfScopeError, Verdict, check, improve, verify
from certify.adapters._network import Decay, Weights, problem_of_network
from certify.adapters.torch import from_model, state_dict
from certify.losses import Squared
from tests.network_models import differences, objective
from tests.sklearn_models import figures

RNG = np.random.default_rng(5)
N, D, R = 12, 3, 5
X = RNG.integers(-16, 17, (N, D)) / 8
KINDS = RNG.integers(0, 4, N)
DECAY = 0.0625
TARGETS = {
    "mse": RNG.integers(-16, 17, (N, 2)) / 8,
    "l1": RNG.integers(-16, 17, (N, 2)) / 8,
    "huber": RNG.integers(-16, 17, (N, 2)) / 8,
    "bce": RNG.integers(0, 2, (N, 2)).astype(float),
    "cross_entropy": KINDS,
}
TARGETS |= {"smooth_l1": TARGETS["huber"], "labels": TARGETS["bce"], "classes": KINDS}
CLASSES = ("cross_entropy", "classes")
OUTPUTS = {name: 4 if name in CLASSES else 2 for name in TARGETS}
MODULES = {
    "mse": nn.MSELoss,
    "l1": nn.L1Loss,
    "huber": lambda **k: nn.HuberLoss(delta=0.75, **k),
    "bce": nn.BCEWithLogitsLoss,
    "cross_entropy": nn.CrossEntropyLoss,
    "smooth_l1": lambda **k: nn.SmoothL1Loss(beta=0.75, **k),
    "labels": lambda **k: nn.BCEWithLogitsLoss(pos_weight=torch.tensor([0.5, 3.0]), **k),
    "classes": lambda **k: nn.CrossEntropyLoss(weight=torch.arange(1.0, 5.0).double(), **k),
}
JUDGED = {"mse": "squared", "l1": "absolute", "huber": "huber", "bce": "logistic"}
JUDGED |= {"cross_entropy": "softmax", "smooth_l1": "huber", "labels": "logistic"}
JUDGED |= {"classes": "softmax"}
TIGHT = 1e-10


def network(outputs=2, *, bias=True, middle=None, seed=0, dtype=torch.float64):
    """Make Linear, activation, Linear."""
    torch.manual_seed(seed)
    parts = [nn.Linear(D, R, bias=bias), middle or nn.ReLU(), nn.Linear(R, outputs, bias=bias)]
    return nn.Sequential(*parts).to(dtype)


def target(name, dtype=torch.float64):
    y = torch.tensor(TARGETS[name])
    return y if name in CLASSES else y.to(dtype)


def trained_on(model, loss, y, decay):
    """Return the training objective and its gradient, both by PyTorch."""
    model.zero_grad()
    paid = sum(d * (p**2).sum() for d, p in zip(decay, model.parameters(), strict=True)) / 2
    value = loss(model(torch.tensor(X)), y) + paid
    value.backward()
    return float(value.detach()), [p.grad.numpy().copy() for p in model.parameters()]


def judged_at(model, factors, problem):
    """Return the differences of the judged objective, in training units, in each parameter."""

    def value(arrays):
        if len(arrays) == 2:
            U, V, q = arrays[0].T, arrays[1], ()
        else:
            U, V, q = np.vstack([arrays[0].T, arrays[1]]), arrays[2], (arrays[3],)
        parts = U * factors.scale, V / factors.scale
        return problem.objective(parts, q) / factors.multiple

    return value, differences(value, [p.detach().numpy() for p in model.parameters()])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("middle", [nn.ReLU(), nn.LeakyReLU(0.125), nn.Identity()])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", TARGETS)
def test_value_and_gradient_are_those_of_autograd(name, bias, middle, reduction):
    model, y = network(OUTPUTS[name], bias=bias, middle=middle), target(name)
    loss = MODULES[name](reduction=reduction)
    problem, factors = from_model(model, X, y, loss=loss, weight_decay=DECAY)
    assert problem.loss.name == JUDGED[name]
    theirs, slope = trained_on(model, loss, y, [DECAY] * len(list(model.parameters())))
    assert objective(problem, factors) / factors.multiple == pytest.approx(theirs, rel=TIGHT)
    _, mine = judged_at(model, factors, problem)
    for a, b in zip(mine, slope, strict=True):
        assert np.abs(a - b).max() <= 1e-6 * (1 + np.abs(b).max())


def test_the_judged_multiple_is_the_one_the_theory_wants():
    y = target("mse")
    problem, factors = from_model(network(), X, y, weight_decay=DECAY)
    assert (factors.multiple, problem.lam) == (N, N * DECAY)  # n K / 2 with K = 2
    assert isinstance(problem.loss, Squared)
    assert problem.loss.scale is None
    assert (problem.atom.bias, problem.atom.form) == ("regularized", "sum")
    assert [(o.name, o.ridge) for o in problem.offsets] == [("column", N * DECAY)]
    problem, factors = from_model(
        network(4), X, KINDS, loss="cross_entropy", weight_decay=DECAY, decay_bias=False
    )
    assert (factors.multiple, problem.lam) == (N, N * DECAY)
    assert (problem.atom.bias, problem.offsets[0].ridge) == ("free", 0.0)


def test_names_and_modules_of_losses_say_the_same():
    for name in ("mse", "l1", "bce", "cross_entropy"):
        model = network(OUTPUTS[name])
        one = from_model(model, X, target(name), loss=name, weight_decay=DECAY)
        two = from_model(model, X, target(name), loss=MODULES[name](), weight_decay=DECAY)
        assert one[0].loss.statement() == two[0].loss.statement()
        assert objective(*one) == objective(*two)


def test_one_hot_rows_are_classes():
    model = network(4)
    one = from_model(model, X, np.eye(4)[KINDS], loss="cross_entropy", weight_decay=DECAY)
    two = from_model(model, X, KINDS[:, None], loss="cross_entropy", weight_decay=DECAY)
    assert np.array_equal(one[0].loss.data, two[0].loss.data)


def test_weights_of_classes_divide_the_mean_of_classes_and_not_that_of_rows():
    model, loss, rows = network(4), MODULES["classes"](), np.eye(4)[KINDS]
    for y in (torch.tensor(KINDS), torch.tensor(rows)):
        theirs, _ = trained_on(model, loss, y, [DECAY] * 4)
        problem, factors = from_model(model, X, y, loss=loss, weight_decay=DECAY)
        assert objective(problem, factors) / factors.multiple == pytest.approx(theirs, rel=TIGHT)
    assert factors.multiple == N
    assert np.array_equal(problem.loss.scale, KINDS + 1)


def test_one_weight_of_labels_is_that_of_every_output():
    model, loss = network(), nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0))
    problem, _ = from_model(model, X, target("bce"), loss=loss, weight_decay=DECAY)
    assert np.array_equal(problem.loss.scale, 1 + 2 * TARGETS["bce"])


def test_a_network_with_weights_of_classes_is_judged_with_proof():
    model, loss, y = network(4), MODULES["classes"](), torch.tensor(KINDS)
    problem, factors = from_model(model, X, y, loss=loss, weight_decay=1.0)
    better = improve(problem, factors, q=factors.q, rtol=1e-3)
    found = check(problem, better.factors, q=better.q, rtol=1e-3)
    assert found.verdict is Verdict.CERTIFIED
    verify(found.certificate, problem, better.factors, q=better.q, rtol=1e-3)


@pytest.mark.parametrize(
    ("loss", "name", "told"),
    [
        (nn.CrossEntropyLoss(weight=torch.ones(3)), "classes", "weight must have 4 numbers, one"),
        (nn.CrossEntropyLoss(weight=torch.ones(1)), "classes", "weight must have 4 numbers, one"),
        (nn.BCEWithLogitsLoss(pos_weight=torch.ones(3)), "labels", "pos_weight must have 2 num"),
        (nn.CrossEntropyLoss(weight=torch.zeros(4)), "classes", "weights must be > 0, got 0.0"),
    ],
)
def test_wrong_weights_of_outputs_are_refused(loss, name, told):
    with pytest.raises(InputError, match=told):
        from_model(network(OUTPUTS[name]), X, target(name), loss=loss, weight_decay=DECAY)


def test_a_smooth_l1_of_beta_0_is_an_l1():
    loss = nn.SmoothL1Loss(beta=0.0)
    problem, _ = from_model(network(), X, target("l1"), loss=loss, weight_decay=DECAY)
    assert problem.loss.name == "absolute"


@pytest.mark.parametrize("kind", ["SGD", "Adam", "NAdam", "RAdam", "RMSprop", "Adagrad"])
def test_the_decay_is_read_from_the_optimizer(kind):
    model, y = network(), target("mse")
    named = [dict(model.named_parameters())[k] for k in ("0.weight", "2.weight")]
    biases = [dict(model.named_parameters())[k] for k in ("0.bias", "2.bias")]
    make = getattr(torch.optim, kind)
    groups = [
        {"params": named[:1], "weight_decay": 0.5},
        {"params": named[1:], "weight_decay": 0.125},
        {"params": biases, "weight_decay": 0.0},
    ]
    problem, factors = from_model(model, X, y, optimizer=make(groups, lr=0.01))
    assert problem.lam == 0.25 * factors.multiple
    assert factors.scale == 2**0.5
    theirs, slope = trained_on(model, nn.MSELoss(), y, [0.5, 0.0, 0.125, 0.0])
    value, mine = judged_at(model, factors, problem)
    assert value([p.detach().numpy() for p in model.parameters()]) == pytest.approx(theirs)
    for a, b in zip(mine, slope, strict=True):
        assert np.abs(a - b).max() <= 1e-6 * (1 + np.abs(b).max())
    whole = make(model.parameters(), lr=0.01, weight_decay=DECAY)
    assert from_model(model, X, y, optimizer=whole)[0].lam == N * DECAY


@pytest.mark.parametrize("rates", [{}, {"lambd": 0.25}, {"lambd": 0.25, "weight_decay": DECAY}])
def test_the_lambd_of_asgd_is_a_decay_too(rates):
    model, y, lr = network(), target("mse"), 0.125
    optimizer = torch.optim.ASGD(model.parameters(), lr=lr, **rates)
    problem, factors = from_model(model, X, y, optimizer=optimizer)
    assert problem.lam == N * (rates.get("lambd", 1e-4) + rates.get("weight_decay", 0.0))
    _, slope = judged_at(model, factors, problem)
    before = [p.detach().numpy().copy() for p in model.parameters()]
    nn.MSELoss()(model(torch.tensor(X)), y).backward()
    optimizer.step()
    for old, p, g in zip(before, model.parameters(), slope, strict=True):
        step = (old - p.detach().numpy()) / lr
        assert np.abs(step - g).max() <= 1e-6 * (1 + np.abs(g).max())


@pytest.mark.parametrize("kind", ["Adam", "AdamW"])
def test_a_decoupled_decay_of_zero_is_none(kind):
    model, y = network(), target("mse")
    optimizer = getattr(torch.optim, kind)(model.parameters(), weight_decay=0.0)
    problem, factors = from_model(model, X, y, optimizer=optimizer)
    without = from_model(model, X, y, weight_decay=0.0)
    assert problem.lam == without[0].lam == 0.0
    assert all(np.array_equal(a, b) for a, b in zip(factors, without[1], strict=True))


def adamw_of_older_versions(params):
    """Return an AdamW whose groups do not say that its decay is decoupled."""
    optimizer = torch.optim.AdamW(params)
    optimizer.param_groups[0].pop("decoupled_weight_decay", None)
    return optimizer


def without_decay(optimizer, params):
    """Begin an AdamW of another class."""
    torch.optim.AdamW.__init__(optimizer, params, weight_decay=0.0)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (torch.optim.AdamW, "AdamW decouples its decay .* train with SGD or Adam"),
        (
            lambda p: torch.optim.AdamW([{"params": p, "weight_decay": 1e-9}], weight_decay=0),
            "AdamW decouples its decay",
        ),
        (
            lambda p: torch.optim.AdamW(
                [{"params": [next(p)], "weight_decay": 0.0}, {"params": p}], weight_decay=0.1
            ),
            "AdamW decouples its decay",
        ),
        (adamw_of_older_versions, "AdamW decouples its decay"),
        (type("AdamW", (torch.optim.AdamW,), {"__init__": without_decay}), "no known objective"),
        (
            lambda p: torch.optim.Adam(p, weight_decay=0.1, decoupled_weight_decay=True),
            "Adam decouples its decay",
        ),
        (
            lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.1, maximize=True),
            "maximize=True is not covered",
        ),
        (type("Mine", (torch.optim.SGD,), {}), "optimizer Mine has no known objective"),
        (type("SGD", (torch.optim.SGD,), {}), "optimizer SGD has no known objective"),
        (
            lambda p: torch.optim.SGD(list(p)[:3], lr=0.1, weight_decay=1),
            "the bias of linear layer",
        ),
    ],
)
def test_other_optimizers_are_refused_with_the_cure(make, told):
    model = network()
    with pytest.raises(OutOfScopeError, match=told):
        from_model(model, X, target("mse"), optimizer=make(model.parameters()))


def test_a_frozen_layer_is_refused():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)
    model[0].weight.requires_grad_(False)
    with pytest.raises(OutOfScopeError, match="the weight of linear layer 0 is not trained"):
        from_model(model, X, target("mse"), optimizer=optimizer)


# --- other carriers of weights ------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_weights_in_any_precision_are_exact(dtype):
    model = network(dtype=dtype)
    _, factors = from_model(model, X, target("mse"), weight_decay=DECAY)
    assert np.array_equal(factors[0][:-1].T, model[0].weight.detach().double().numpy())
    assert np.array_equal(factors[1], model[2].weight.detach().double().numpy())


def test_a_state_dict_and_a_file_say_what_the_module_says(tmp_path):
    model, y = network(dtype=torch.float32), target("mse")
    path = tmp_path / "net.safetensors"
    save_file(model.state_dict(), path)
    arrays = {k: x.numpy() for k, x in model.state_dict().items()}
    _, wanted = from_model(model, X, y, weight_decay=DECAY)
    for held in (model.state_dict(), arrays, path, str(path)):
        problem, factors = from_model(held, X, y, weight_decay=DECAY)
        assert all(np.array_equal(a, b) for a, b in zip(factors, wanted, strict=True))
        assert np.array_equal(factors.q[0], wanted.q[0])
        assert problem.atom.activation == "relu"
    slope = from_model(arrays, X, y, weight_decay=DECAY, activation="leaky_relu", slope=0.25)
    assert slope[0].atom.layer.slope == 0.25


def test_a_slope_above_one_names_the_same_network_with_another_slope():
    model = sequence(nn.LeakyReLU(4.0))
    said = r"slope must be at most 1, got 4.0: \(-u, -4.0 v\) with slope 0.25 is the same unit"
    with pytest.raises(InputError, match=said):
        from_model(model, X, target("mse"), weight_decay=DECAY)
    same = sequence(nn.LeakyReLU(0.25))
    with torch.no_grad():
        for k, factor in ((0, -1.0), (2, -4.0)):
            same[k].weight.copy_(factor * model[k].weight)
            same[k].bias.copy_((-1.0 if k == 0 else 1.0) * model[k].bias)
    assert torch.allclose(same(torch.tensor(X)), model(torch.tensor(X)), rtol=TIGHT)


def test_factors_go_back_to_a_state_dict():
    model, y = network(), target("mse")
    problem, factors = from_model(model, X, y, weight_decay=(0.5, 0.125))
    found = state_dict(tuple(factors), factors.q, like=factors)
    other = network(seed=1)
    other.load_state_dict({k: torch.from_numpy(x) for k, x in found.items()})
    same = zip(model.parameters(), other.parameters(), strict=True)
    assert all(torch.allclose(a, b, rtol=TIGHT, atol=0) for a, b in same)
    plain = network(bias=False)
    _, factors = from_model(plain, X, y, weight_decay=DECAY)
    assert set(state_dict(tuple(factors), like=factors)) == {"0.weight", "2.weight"}
    assert problem.lam == pytest.approx(0.25 * N)


LAYOUTS = {
    "torch": lambda w, v: {"0.weight": w, "2.weight": v},
    "sklearn": lambda w, v: {"0.weight": w.T, "2.weight": v.T},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_is_told_from_the_shapes(layout):
    W, V = RNG.normal(size=(R, D)), RNG.normal(size=(2, R))
    held = LAYOUTS[layout](W, V)
    for given in (None, layout):
        _, factors = from_model(held, X, target("mse"), weight_decay=DECAY, layout=given)
        assert np.array_equal(factors[0], W.T)
        assert np.array_equal(factors[1], V)
    swapped = dict(reversed(held.items()))
    _, factors = from_model(swapped, X, target("mse"), weight_decay=DECAY)
    assert np.array_equal(factors[0], W.T)
    other = next(k for k in LAYOUTS if k != layout)
    with pytest.raises(InputError, match=r"weights for 3 features and 2 outputs must be .* got 0 "):
        from_model(held, X, target("mse"), weight_decay=DECAY, layout=other)


def test_square_weights_need_the_layout_by_name():
    W, V, y = RNG.normal(size=(D, D)), RNG.normal(size=(D, D)), RNG.normal(size=(N, D))
    held = LAYOUTS["torch"](W, V)
    with pytest.raises(InputError, match=r"fit more than one layout: pass layout='torch' or"):
        from_model(held, X, y, weight_decay=DECAY)
    for layout, U in (("torch", W.T), ("sklearn", W)):
        _, factors = from_model(held, X, y, weight_decay=DECAY, layout=layout)
        assert np.array_equal(factors[0], U)
    with pytest.raises(InputError, match="layout must be one of torch, sklearn, got 'keras'"):
        from_model(held, X, y, weight_decay=DECAY, layout="keras")


CODER = RNG.normal(size=(R, D)), RNG.normal(size=(D, R))  # as many outputs as features


def test_an_order_of_the_alphabet_is_no_order_of_layers():
    W, V = CODER
    held = {"decoder.weight": V, "encoder.weight": W}
    with pytest.raises(InputError, match=r"decoder .* and encoder .* fit more than one layout: pa"):
        from_model(held, X, X, weight_decay=DECAY)
    _, factors = from_model(held, X, X, weight_decay=DECAY, layout="torch")
    assert np.array_equal(factors[0], W.T)
    biases = {"decoder.bias": np.ones(D), "encoder.bias": np.ones(R)}
    _, factors = from_model({**held, **biases}, X, X, weight_decay=DECAY)
    assert np.array_equal(factors[0][:-1], W.T)


@pytest.mark.parametrize("names", [("2", "10"), ("fc1", "fc2"), ("net.0.fc", "net.2.fc")])
def test_numbers_in_names_tell_the_order(names):
    W, V = CODER
    held = {f"{k}.weight": w for k, w in zip(names, (W, V), strict=True)}
    for state in (held, dict(reversed(held.items()))):
        _, factors = from_model(state, X, X, weight_decay=DECAY)
        assert np.array_equal(factors[0], W.T)


def test_two_square_layers_need_names_that_tell_their_order():
    W, V = RNG.normal(size=(D, D)), RNG.normal(size=(D, D))
    held = {"in.weight": W, "out.weight": V}
    with pytest.raises(InputError, match="either may be the hidden layer: name the hidden one 0"):
        from_model(held, X, X, weight_decay=DECAY, layout="torch")
    held = {"2.weight": V, "0.weight": W}
    _, factors = from_model(held, X, X, weight_decay=DECAY, layout="torch")
    assert np.array_equal(factors[0], W.T)


def test_classes_are_counted_whatever_the_names_are():
    held = {"hidden.weight": RNG.normal(size=(R, D)), "head.weight": RNG.normal(size=(4, R))}
    held = dict(sorted(held.items()))
    problem, factors = from_model(held, X, KINDS, loss="cross_entropy", weight_decay=DECAY)
    assert problem.loss.shape == (N, 4)
    assert np.array_equal(factors[1], held["head.weight"])


def test_a_square_module_needs_no_layout():
    model = nn.Sequential(nn.Linear(D, D), nn.ReLU(), nn.Linear(D, D)).double()
    _, factors = from_model(model, X, RNG.normal(size=(N, D)), weight_decay=DECAY)
    assert np.array_equal(factors[0][:-1].T, model[0].weight.detach().numpy())


# --- figures and refusals -----------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "within"), [(torch.float32, 1e-5), (torch.float16, 1e-2)])
def test_another_loss_than_reported_is_refused_with_both_figures(dtype, within):
    model, y = network(dtype=dtype), target("mse", dtype)
    seen = float(nn.MSELoss()(model(torch.tensor(X, dtype=dtype)), y).detach())
    from_model(model, X, y, weight_decay=DECAY, reported=seen)
    with pytest.raises(InputError, match="pass the X and y of the training") as error:
        from_model(model, X, y + 1, weight_decay=DECAY, reported=seen)
    other = float(nn.MSELoss()(model(torch.tensor(X, dtype=dtype)), y + 1).detach())
    assert figures(error) == pytest.approx([seen, other], rel=within)


@pytest.mark.parametrize("prints", ["before the step", "after the step"])
def test_the_log_of_a_loop_is_accepted_whether_it_prints_before_the_last_step_or_after(prints):
    model, y = network(), target("mse")
    optimizer, inputs = (
        torch.optim.SGD(model.parameters(), 0.02, weight_decay=DECAY),
        torch.tensor(X),
    )
    log = []
    for _ in range(30):  # as everybody writes it
        optimizer.zero_grad()
        loss = nn.MSELoss()(model(inputs), y)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            after = nn.MSELoss()(model(inputs), y)
        log.append(loss.item() if prints == "before the step" else after.item())
    problem, factors = from_model(model, X, y, optimizer=optimizer, reported=log)
    mine = problem.loss.value(problem.predict(factors, factors.q)) / factors.multiple
    if prints == "after the step":
        assert factors.note == ""
        return
    assert factors.note == (
        f"training printed the loss {log[-1]:.8g}, these weights have {mine:.8g}: "
        "it was printed before the last step"
    )
    far = [log[-2] + 4 * (log[-1] - mine), log[-1] + 4 * (log[-1] - mine)]
    for wrong in (log[-1], log[-1:], far, [*log, log[-1]]):
        with pytest.raises(InputError, match="training reports the loss"):
            from_model(model, X, y, optimizer=optimizer, reported=wrong)
    for odd, said in (([], "got none"), (["low"], "reported"), (np.nan, "reported must be finite")):
        with pytest.raises(InputError, match=said):
            from_model(model, X, y, optimizer=optimizer, reported=odd)


def test_a_loss_printed_before_the_last_step_is_accepted_within_what_the_caller_names():
    model, y = network(), target("mse")
    before = 1.01 * float(nn.MSELoss()(model(torch.tensor(X)), y).detach())
    with pytest.raises(InputError, match=r"beside the one before it, reported=\[before, l"):
        from_model(model, X, y, weight_decay=DECAY, reported=before)
    named = {"weight_decay": DECAY, "reported": before, "reported_rtol": 0.02}
    problem, factors = from_model(model, X, y, **named)
    assert factors.note.endswith(": within reported_rtol = 0.02")
    assert check(problem, factors, q=factors.q, budget=0.2).reason.endswith(factors.note)
    with pytest.raises(InputError, match="training reports the loss"):
        from_model(model, X, y, weight_decay=DECAY, reported=before, reported_rtol=0.005)
    with pytest.raises(InputError, match="reported_rtol must be a finite number >= 0, got -1"):
        from_model(model, X, y, weight_decay=DECAY, reported=before, reported_rtol=-1)


def test_a_log_may_hold_tensors():
    model, y = network(), target("mse")
    loss = nn.MSELoss()(model(torch.tensor(X)), y)
    value = loss.item()
    for log in (loss, loss.detach(), [loss, loss], torch.stack([loss, loss]), np.array(value)):
        assert not from_model(model, X, y, weight_decay=DECAY, reported=log)[1].note
        with pytest.raises(InputError, match="training reports the loss"):
            from_model(model, X, y + 1, weight_decay=DECAY, reported=log)
    with pytest.raises(InputError, match="reported must have 1 dimensions"):
        from_model(model, X, y, weight_decay=DECAY, reported=y)


def test_images_are_to_be_flattened_first():
    images = X.reshape(N, 1, D, 1)
    with pytest.raises(InputError, match=r"got shape \(12, 1, 3, 1\): pass X.reshape\(12, -1\)"):
        from_model(network(), images, target("mse"), weight_decay=DECAY)


@pytest.mark.parametrize("bias", [True, False])
def test_classes_of_a_state_dict_are_counted_by_its_outputs(bias):
    model = network(4, bias=bias)
    _, wanted = from_model(model, X, KINDS, loss="cross_entropy", weight_decay=DECAY)
    state = {k: x.numpy() for k, x in model.state_dict().items()}
    turned = {k: x.T for k, x in state.items()}
    for held, layout in ((state, None), (state, "torch"), (turned, "sklearn")):
        given = {"loss": "cross_entropy", "weight_decay": DECAY, "layout": layout}
        problem, factors = from_model(held, X, KINDS, **given)
        assert problem.loss.shape == (N, 4)
        assert all(np.array_equal(a, b) for a, b in zip(factors, wanted, strict=True))


def sequence(*middle):
    return nn.Sequential(nn.Linear(D, R), *middle, nn.Linear(R, 2)).double()


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (sequence(nn.BatchNorm1d(R), nn.ReLU()), "the module BatchNorm1d"),
        (sequence(nn.ReLU(), nn.Dropout(0.5)), r"Dropout\(p=0.5\) changes the objective .* p=0"),
        (sequence(nn.ReLU(), nn.Dropout(0.5)).eval(), r"Dropout\(p=0.5\) changes the objective"),
        (sequence(nn.AlphaDropout(0.1)), r"AlphaDropout\(p=0.1\) changes the objective"),
        (sequence(nn.Flatten(0)), "the module Flatten"),
        (nn.Sequential(*sequence(nn.ReLU()), nn.Flatten(0)), "module Flatten behind several outp"),
        (sequence(nn.Unflatten(1, (1, R))), "the module Unflatten"),
        (sequence(type("Identity", (nn.Identity,), {})()), "the module Identity"),
        (sequence(nn.Tanh()), "the module Tanh"),
        (sequence(nn.LayerNorm(R), nn.ReLU()), "the module LayerNorm"),
        (sequence(nn.ReLU(), nn.Sequential(nn.ReLU())), "the order Linear, activation, activation"),
        (
            nn.Sequential(nn.ReLU(), nn.Linear(D, R), nn.Linear(R, 2)),
            "the order activation, Linear",
        ),
        (sequence(nn.ReLU(), nn.Linear(R, R), nn.ReLU()), "has 3 layers of weights: .*one hidden"),
        (nn.Sequential(nn.Linear(D, 2)), "has no hidden layer"),
        (
            nn.Linear(D, 2),
            "Linear is not a Sequential, so its forward.. is unknown: pass its state",
        ),
        (type("Mine", (nn.Sequential,), {})(nn.Linear(D, 2)), "Mine is not a Sequential"),
    ],
)
def test_other_modules_are_refused_by_name(model, told):
    with pytest.raises(OutOfScopeError, match=told):
        from_model(model, X, target("mse"), weight_decay=DECAY)


def test_what_changes_a_forward_is_refused():
    def hooked(add):
        model = network()
        add(model)
        return model

    twice = hooked(lambda m: m[1].register_forward_hook(lambda *x: 2 * x[2]))
    before = hooked(lambda m: m.register_forward_pre_hook(lambda *x: 2 * x[1][0]))
    own = hooked(lambda m: setattr(m[2], "forward", torch.relu))
    pruned = hooked(lambda m: prune.l1_unstructured(m[0], "weight", amount=0.5))
    for model, told in ((twice, "ReLU"), (before, "Sequential"), (own, "Linear"), (pruned, "Lin")):
        with pytest.raises(OutOfScopeError, match=f"a {told}.* with hooks or a forward.. of its o"):
            from_model(model, X, target("mse"), weight_decay=DECAY)
    again = prune.remove(pruned[0], "weight")
    assert not again._forward_pre_hooks
    from_model(pruned, X, target("mse"), weight_decay=DECAY)


@pytest.mark.parametrize("part", ["layer", "weight", "transposed"])
def test_a_parameter_in_two_places_decays_once_and_is_refused(part):
    first, second = nn.Linear(D, D).double(), nn.Linear(D, D).double()
    if part == "weight":
        second.weight = first.weight
    elif part == "transposed":
        second.weight.data = first.weight.data.T
    model = nn.Sequential(first, nn.ReLU(), first if part == "layer" else second)
    with pytest.raises(OutOfScopeError, match="has one parameter in two places"):
        from_model(model, X, RNG.normal(size=(N, D)), weight_decay=DECAY)


def test_nested_sequences_are_read_in_order():
    inner = nn.Sequential(nn.Linear(D, R), nn.ReLU())
    model = nn.Sequential(inner, nn.Identity(), nn.Linear(R, 2)).double()
    problem, factors = from_model(model, X, target("mse"), weight_decay=DECAY)
    out = model(torch.tensor(X)).detach().numpy()
    assert problem.predict(tuple(factors), factors.q) == pytest.approx(out, abs=TIGHT)


@pytest.mark.parametrize(
    "identity",
    [
        *(nn.Identity(), nn.Dropout(0.0), nn.AlphaDropout(0.0), nn.Flatten(), nn.Flatten(-1)),
        *(nn.Flatten(0, 0), nn.Flatten(-2, -2)),
    ],
    ids=str,
)
def test_modules_that_change_nothing_are_left_out(identity):
    model = network()
    around = nn.Sequential(identity, model[0], identity, model[1], identity, model[2]).double()
    assert torch.equal(around(torch.tensor(X)), model(torch.tensor(X)))
    problem, factors = from_model(around, X, target("mse"), weight_decay=DECAY)
    wanted = from_model(model, X, target("mse"), weight_decay=DECAY)
    assert objective(problem, factors) == objective(*wanted)
    assert all(np.array_equal(a, b) for a, b in zip(factors, wanted[1], strict=True))
    better = factors.origin.rebuild(around, None, tuple(factors), factors.q)
    assert torch.allclose(better(torch.tensor(X)), model(torch.tensor(X)), rtol=TIGHT)


@pytest.mark.parametrize("last", [2, 3])
def test_a_first_flatten_makes_rows_of_data_of_more_dimensions(last):
    model = network()
    around = nn.Sequential(nn.Flatten(1, last), *model).double()
    images = torch.tensor(X).reshape(len(X), *(1,) * (last - 1), D)
    assert torch.equal(around(images), model(torch.tensor(X)))
    problem, factors = from_model(around, X, target("mse"), weight_decay=DECAY)
    assert objective(problem, factors) == objective(
        *from_model(model, X, target("mse"), weight_decay=DECAY)
    )


def test_rows_that_are_unflattened_to_rows_are_the_same_network():
    model = network()
    around = nn.Sequential(nn.Unflatten(1, (D,)), *model, nn.Unflatten(-1, (2,))).double()
    assert torch.equal(around(torch.tensor(X)), model(torch.tensor(X)))
    problem, factors = from_model(around, X, target("mse"), weight_decay=DECAY)
    assert objective(problem, factors) == objective(
        *from_model(model, X, target("mse"), weight_decay=DECAY)
    )


@pytest.mark.parametrize("last", [nn.Flatten(0), nn.Flatten(0, 1), nn.Flatten(-2, -1)], ids=str)
@pytest.mark.parametrize("name", ["mse", "bce"])
def test_one_output_may_be_flattened_beside_targets_without_a_column(last, name):
    model, y = network(1), TARGETS["mse"][:, 0] if name == "mse" else (X[:, 0] > 0) * 1.0
    flat = nn.Sequential(*model, last)
    assert flat(torch.tensor(X)).shape == (N,)
    problem, factors = from_model(flat, X, y, loss=name, weight_decay=DECAY)
    wanted = from_model(model, X, y[:, None], loss=name, weight_decay=DECAY)
    assert objective(problem, factors) == objective(*wanted)
    better = factors.origin.rebuild(flat, None, tuple(factors), factors.q)
    assert torch.allclose(better(torch.tensor(X)), flat(torch.tensor(X)), rtol=TIGHT)
    if name == "mse":
        with pytest.raises(InputError, match=r"y must be a vector, y\[:, 0\], got shape \(12, 1\)"):
            from_model(flat, X, y[:, None], loss=name, weight_decay=DECAY)


# --- outputs (n, 1) beside targets (n,) ---------------------------------------------------


PAIRED = {"mse": nn.MSELoss(), "l1": nn.L1Loss(), "huber": nn.HuberLoss(delta=0.75)}
PAIRED |= {"smooth_l1": nn.SmoothL1Loss(beta=1.0)}


def losses_of(name, reduction="mean"):
    """Return a network of one output, its targets (n,), and two losses: columns and all pairs."""
    model, y = network(1), torch.tensor(TARGETS["mse"][:, 0])
    out, loss = model(torch.tensor(X)), type(PAIRED[name])(reduction=reduction)
    if name == "huber":
        loss.delta = 0.75
    pairs = out.expand(N, N), y[None].expand(N, N)
    return model, y, loss, float(loss(out[:, 0], y).detach()), float(loss(*pairs).detach())


@pytest.mark.parametrize("name", PAIRED)
def test_targets_that_pytorch_broadcasts_are_refused_with_the_cure(name):
    model, y, loss, column, _ = losses_of(name)
    said = r"y must be a column, y\[:, None\], got shape \(12,\): with outputs \(12, 1\) PyTorch"
    for held in (model, model.state_dict()):
        for targets in (y, y.numpy()):
            with pytest.raises(InputError, match=said):
                from_model(held, X, targets, loss=loss, weight_decay=DECAY)
    column_wise = from_model(model, X, y[:, None], loss=loss, weight_decay=DECAY)
    told = from_model(model, X, y, loss=loss, weight_decay=DECAY, reported=column)
    assert objective(*told) == objective(*column_wise)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", PAIRED)
def test_a_reported_loss_of_all_pairs_is_told_by_name(name, reduction):
    model, y, loss, column, pairs = losses_of(name, reduction)
    said = r"the loss [\d.]+, which is that of all 12 x 12 pairs .*to them; train with y\[:, None\]"
    for targets in (y, y[:, None]):  # the cure of the one refusal may not silence the other
        given = {"loss": loss, "weight_decay": DECAY}
        for seen in (pairs, [pairs + 2 * abs(pairs - column), pairs]):
            with pytest.raises(InputError, match=said):
                from_model(model, X, targets, **given, reported=seen)
        with pytest.raises(InputError, match="pass the X and y of the training"):
            from_model(model, X, targets, **given, reported=2 * (pairs + column))
        assert not from_model(model, X, targets, **given, reported=column)[1].note
        near = from_model(model, X, targets, **given, reported=column * 1.001, reported_rtol=0.01)
        assert near[1].note.endswith("within reported_rtol = 0.01")


def test_targets_that_nothing_broadcasts_may_be_a_row_of_numbers():
    labels = TARGETS["bce"][:, 0]
    assert from_model(network(1), X, labels, loss="bce", weight_decay=DECAY)[0].loss.shape == (N, 1)
    assert from_model(network(1), X[:1], [0.5], weight_decay=DECAY)[0].loss.shape == (1, 1)
    held = {"0.weight": RNG.normal(size=(D, R)), "2.weight": RNG.normal(size=(R, 1))}
    problem, _ = from_model(held, X, TARGETS["mse"][:, 0], weight_decay=DECAY)  # scikit-learn's
    assert problem.loss.shape == (N, 1)


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        (nn.BCELoss(), "BCELoss is not covered: leave the sigmoid out and use BCEWithLogitsLoss"),
        (nn.NLLLoss(), "NLLLoss is not covered: leave the log_softmax out"),
        (nn.KLDivLoss(), "KLDivLoss is not covered: train with one of MSELoss"),
        (nn.BCEWithLogitsLoss(weight=torch.ones(2)), "with weight is not covered"),
        (nn.CrossEntropyLoss(label_smoothing=0.1), "with label_smoothing is not covered"),
        (nn.CrossEntropyLoss(ignore_index=1), "ignore_index=1 leaves rows out: pass X and y with"),
        (
            type("MSELoss", (nn.MSELoss,), {})(),
            r"test_adapters_torch.MSELoss is not covered",
        ),
    ],
)
def test_other_losses_are_refused_with_the_cure(loss, told):
    with pytest.raises(OutOfScopeError, match=told):
        from_model(network(), X, target("bce"), loss=loss, weight_decay=DECAY)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "give weight_decay, or the optimizer"),
        ({"weight_decay": -1.0}, r"weight_decay must be a finite number >= 0, got -1.0"),
        ({"weight_decay": (1.0, 2.0, 3.0)}, "must be a number or a pair, got 3 numbers"),
        ({"weight_decay": 1.0, "loss": "mae"}, "loss must be one of mse, l1, .* got 'mae'"),
        ({"weight_decay": 1.0, "reduction": "none"}, "reduction must be one of mean, sum"),
        ({"weight_decay": 1.0, "loss": nn.MSELoss(reduction="none")}, "reduction must be one of"),
        ({"weight_decay": 1.0, "loss": nn.MSELoss}, r"such as MSELoss\(\), got <class 'torch"),
        ({"weight_decay": 1.0, "loss": nn.functional.mse_loss}, "got <function mse_loss"),
    ],
)
def test_wrong_arguments_are_named(given, told):
    with pytest.raises(InputError, match=told):
        from_model(network(), X, target("mse"), **given)


def test_weight_decay_and_an_optimizer_are_not_both_taken():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)
    with pytest.raises(InputError, match="give weight_decay or the optimizer, not both"):
        from_model(model, X, target("mse"), weight_decay=0.1, optimizer=optimizer)
    with pytest.raises(InputError, match="knows a module's parameters, not a state dict's"):
        from_model(model.state_dict(), X, target("mse"), optimizer=optimizer)


def test_decay_of_one_layer_alone_is_out_of_scope():
    for decay, name in (((0.1, 0.0), "output"), ((0.0, 0.1), "hidden")):
        with pytest.raises(OutOfScopeError, match=rf"{name} weights alone have no decay, .* none"):
            from_model(network(), X, target("mse"), weight_decay=decay)
    with pytest.raises(InputError, match="decay of the hidden weights must be >= 0, got -1"):
        problem_of_network(
            Weights(np.ones((D, R)), np.ones((2, R))),
            X,
            Squared(TARGETS["mse"]),
            Decay(-1.0, 0.0),
            1.0,
        )


@pytest.mark.sampled(3)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", MODULES)
def test_without_decay_better_weights_of_as_many_units_are_searched(name, bias):
    model, y = network(OUTPUTS[name], bias=bias), target(name)
    optimizer = torch.optim.Adam(model.parameters())
    problem, factors = from_model(model, X, y, loss=MODULES[name](), optimizer=optimizer)
    assert (problem.lam, problem.atom.bias) == (0.0, "regularized" if bias else "none")
    assert (factors.scale, bool(problem.offsets)) == (1.0, bias)
    result = check(problem, factors, q=factors.q)
    assert result.verdict is Verdict.REFUTED
    better = result.better_model(model)
    again = from_model(better, X, y, loss=MODULES[name](), weight_decay=0.0)
    value = objective(*again)
    assert value == pytest.approx(result.better_upper, rel=1e-9, abs=1e-12)


def test_a_hidden_bias_without_decay_needs_an_output_bias_without_decay():
    weights = Weights(np.ones((D, R)), np.ones((2, R)), np.ones(R), np.ones(2))
    loss = Squared(TARGETS["mse"])
    assert problem_of_network(weights, X, loss, Decay(1.0, 1.0), 1.0)[0].atom.bias == "free"
    with pytest.raises(OutOfScopeError, match="an output bias that decays is not covered: let"):
        problem_of_network(weights, X, loss, Decay(1.0, 1.0, 0.0, 1.0), 1.0)
    bare = Weights(weights.U, weights.V, weights.b)
    with pytest.raises(OutOfScopeError, match="a network with no output bias is not covered: let"):
        problem_of_network(bare, X, loss, Decay(1.0, 1.0), 1.0)
    with pytest.raises(OutOfScopeError, match="decay differs from that of its weights is not cov"):
        problem_of_network(weights, X, loss, Decay(1.0, 1.0, 0.5, 1.0), 1.0)


@pytest.mark.parametrize(
    ("state", "error", "told"),
    [
        ({"1.running_mean": np.ones(R)}, OutOfScopeError, r"1.running_mean \(a BatchNorm\)"),
        ({"1.weight": np.ones(R)}, OutOfScopeError, r"1 with a weight of shape \(5,\)"),
        ({"1.bias": np.ones(R)}, OutOfScopeError, "1 with no weight"),
        ({"epoch": 3, "model": {}}, OutOfScopeError, r"epoch \(unknown here\)"),
        ({"model": {"0.weight": np.ones((R, D))}}, InputError, "'model' is a dict itself, as in"),
        ({"3.scale": np.ones(R)}, OutOfScopeError, r"3.scale \(unknown here\)"),
        ({"3.weight": np.ones((2, 2))}, OutOfScopeError, "has 3 layers of weights"),
        ({"2.bias": np.ones(3)}, InputError, "must be .* got"),
        ({"0.weight": np.full((R, D), np.nan)}, InputError, r"hidden weights must be finite"),
    ],
)
def test_other_states_are_refused_by_name(state, error, told):
    held = {"0.weight": np.ones((R, D)), "2.weight": np.ones((2, R)), **state}
    with pytest.raises(error, match=told):
        from_model(held, X, target("mse"), weight_decay=DECAY)


def test_a_file_of_bfloat16_is_read_at_its_own_value(tmp_path):
    model, path = network(dtype=torch.bfloat16), tmp_path / "net.safetensors"
    state = model.state_dict()
    save_file({**state, "2.bias": state["2.bias"].float()}, path)
    _, wanted = from_model(model, X, target("mse"), weight_decay=DECAY)
    _, factors = from_model(path, X, target("mse"), weight_decay=DECAY)
    assert all(np.array_equal(a, b) for a, b in zip(factors, wanted, strict=True))
    assert np.array_equal(factors.q[0], wanted.q[0])
    save_file({**state, "2.bias": torch.ones(2, dtype=torch.int8)}, path)
    with pytest.raises(InputError, match="is not a safetensors file of numbers: dtype I8"):
        from_model(path, X, target("mse"), weight_decay=DECAY)


def test_pickles_and_other_files_are_not_read(tmp_path):
    path = tmp_path / "net.pt"
    torch.save(network().state_dict(), path)
    with pytest.raises(InputError, match=r"is a pickle, which is never loaded: save with safet"):
        from_model(path, X, target("mse"), weight_decay=DECAY)
    other = tmp_path / "net.safetensors"
    other.write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="is not a safetensors file of numbers"):
        from_model(other, X, target("mse"), weight_decay=DECAY)
    with pytest.raises(InputError, match=r"cannot read .*: No such file"):
        from_model(tmp_path / "none.safetensors", X, target("mse"), weight_decay=DECAY)


def test_without_pytorch_the_extra_is_named(monkeypatch):
    model = network()
    monkeypatch.setitem(sys.modules, "torch.nn", None)
    with pytest.raises(InputError, match=r"be imported .*: pip install 'certifact\[torch\]'"):
        from_model(model, X, target("mse"), weight_decay=DECAY)


@pytest.mark.thorough
def test_files_are_read_without_pytorch():
    read = "certify.adapters.torch, certify.adapters.files"
    code = f"import sys, {read}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.thorough
def test_check_gives_a_bracket_of_the_training_objective():
    model, y = network(dtype=torch.float32), target("mse", torch.float32)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=DECAY)
    data = torch.tensor(X, dtype=torch.float32)
    for _ in range(300):
        optimizer.zero_grad()
        nn.MSELoss()(model(data), y).backward()
        optimizer.step()
    seen = float(nn.MSELoss()(model(data), y).detach())
    problem, factors = from_model(model, X, y, optimizer=optimizer, reported=seen)
    result = check(problem, factors, q=factors.q, budget=1.0)
    paid = DECAY / 2 * sum(float((p.detach().double() ** 2).sum()) for p in model.parameters())
    assert result.upper / factors.multiple == pytest.approx(seen + paid, rel=1e-5)
    assert 0 < result.lower <= result.upper
    assert result.verdict is not Verdict.OUT_OF_SCOPE


def test_improved_weights_go_back_into_pytorch():
    data, y = X[:, :1], target("mse")[:, :1]
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(1, R), nn.ReLU(), nn.Linear(R, 1)).double()
    problem, factors = from_model(model, data, y, weight_decay=(0.25, 0.5))
    found = improve(problem, factors, q=factors.q, rtol=1e-3, budget=10.0)
    assert found.result.verdict is Verdict.CERTIFIED
    assert verify(found.result.certificate, problem, found.factors, q=found.q, rtol=1e-3).certified
    held = state_dict(found.factors, found.q, like=factors)
    units = len(held["0.bias"])
    other = nn.Sequential(nn.Linear(1, units), nn.ReLU(), nn.Linear(units, 1)).double()
    other.load_state_dict({k: torch.from_numpy(x) for k, x in held.items()})
    theirs = float(nn.MSELoss()(other(torch.tensor(data)), y).detach())
    decays = (0.25, 0.25, 0.5, 0.5)
    pairs = zip(decays, other.parameters(), strict=True)
    theirs += sum(d / 2 * float((p.detach() ** 2).sum()) for d, p in pairs)
    assert theirs == pytest.approx(found.objective / factors.multiple, rel=TIGHT)
