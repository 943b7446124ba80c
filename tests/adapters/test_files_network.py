"""problem.toml of a hidden layer, and of a network that was trained elsewhere."""

import numpy as np
import onnx
import pytest
from safetensors.numpy import save_file
from sklearn.neural_network import MLPClassifier, MLPRegressor

from certify import InputError, OutOfScopeError
from certify.adapters.files import load
from certify.adapters.sklearn import from_model as from_estimator
from certify.adapters.torch import from_model
from certify.atoms import ReLU
from certify.losses import Huber, Softmax
from tests.network_models import fitted, objective
from tests.onnx_graphs import B1, B2, W1, W2, D, K, R, network
from tests.question_files import inside

RNG = np.random.default_rng(31)
N = 7
X = RNG.integers(-16, 17, (N, D)) / 8
Y = RNG.integers(-16, 17, (N, K)) / 8
STATE = {"0.weight": W1.T, "0.bias": B1, "2.weight": W2.T, "2.bias": B2}
HEAD = 'model = "net.safetensors"\nX = "X.npy"\ny = "Y.npy"\n'
DECAY = "weight_decay = 0.125\n"
SHORT = ("--budget", "0.5", "--json")


def write(folder, text=HEAD + DECAY, tail="", **arrays):
    """Write net.toml and what it names; return its path."""
    state = {k: np.ascontiguousarray(x) for k, x in arrays.pop("state", STATE).items()}
    save_file(state, folder / "net.safetensors")
    onnx.save(network(), folder / "net.onnx")
    for name, a in {"X": X, "Y": Y, **arrays}.items():
        np.save(folder / f"{name}.npy", a)
    path = folder / "net.toml"
    path.write_text(f"[network]\n{text}\n{tail}\n")
    return path


@pytest.mark.parametrize("kind", ["safetensors", "onnx"])
def test_a_network_is_loaded_as_the_api_reads_it(tmp_path, kind):
    text = HEAD.replace("safetensors", kind) + DECAY
    held = load(write(tmp_path, text, "[epsilon]\nrtol = 0.5"))
    problem, factors = from_model(STATE, X, Y, weight_decay=0.125)
    assert held.problem.objective(held.factors, held.q) == objective(problem, factors)
    assert np.array_equal(held.factors[0], np.vstack([W1, B1]))
    assert (held.units.multiple, held.problem.lam, held.rtol, held.names) == (
        N,
        N / 8,
        0.5,
        ("U", "V"),
    )
    names = {"net.toml", f"net.{kind}", "X.npy", "Y.npy"}
    assert {p.name for p in held.inputs} == names


def test_a_log_of_training_is_compared_and_the_command_says_which_loss_it_was(tmp_path, capsys):
    problem, factors = from_model(STATE, X, Y, weight_decay=0.125)
    mine = problem.loss.value(problem.predict(factors, factors.q)) / factors.multiple
    more = f"reported = [{1.02 * mine!r}, {1.01 * mine!r}]\n"
    ended = inside(
        capsys, "check", write(tmp_path, HEAD + DECAY + more), "--budget", "0.5", "--json"
    )
    assert ended.json["reason"].endswith(": it was printed before the last step")
    more = f"reported = {1.01 * mine!r}\nreported_rtol = 0.02\n"
    ended = inside(
        capsys, "check", write(tmp_path, HEAD + DECAY + more), "--budget", "0.5", "--json"
    )
    assert ended.json["reason"].endswith(": within reported_rtol = 0.02")
    more = f"reported = [{1.01 * mine!r}, {1.01 * mine!r}]\n"
    ended = inside(capsys, "check", write(tmp_path, HEAD + DECAY + more))
    assert ended.status == 2
    assert "training reports the loss" in ended.sentence


def test_every_setting_of_a_network_is_read(tmp_path):
    text = f"""
loss = "huber"
delta = 0.5
reduction = "sum"
decay_bias = false
activation = "leaky_relu"
slope = 0.25
layout = "torch"
weight_decay = [0.5, 0.125]
{HEAD}"""
    held = load(write(tmp_path, text))
    assert isinstance(held.problem.loss, Huber)
    assert (held.problem.loss.delta, held.problem.lam, held.units.multiple) == (0.5, 0.25, 1.0)
    assert (held.problem.atom.bias, held.problem.atom.layer.slope) == ("free", 0.25)


@pytest.mark.parametrize("kind", [MLPRegressor, MLPClassifier])
def test_a_network_of_scikit_learn_is_stated_by_its_arrays(tmp_path, kind):
    labels = Y[:, 0] if kind is MLPRegressor else Y[:, 0] > 0
    model = kind(hidden_layer_sizes=(R,), solver="lbfgs", alpha=0.25, random_state=0, max_iter=20)
    problem, factors = from_estimator(fitted(model, X, labels), X, labels)
    state = {f"{k}.weight": w for k, w in enumerate(model.coefs_)}
    state |= {f"{k}.bias": b for k, b in enumerate(model.intercepts_)}
    said = (
        'weight_decay = 0.5\nloss = "mse"'
        if kind is MLPRegressor
        else ('weight_decay = 0.25\nloss = "bce"')
    )
    text = f'{HEAD}{said}\nreduction = "sum"\ndecay_bias = false'
    held = load(write(tmp_path, text, state=state, Y=labels.astype(float)[:, None]))
    assert held.problem.lam == problem.lam == 0.25
    assert held.problem.objective(held.factors, held.q) == objective(problem, factors)


def test_classes_are_a_column_of_numbers(tmp_path):
    path = write(tmp_path, HEAD + DECAY + 'loss = "cross_entropy"', Y=np.arange(N)[:, None] % K)
    loss = load(path).problem.loss
    assert isinstance(loss, Softmax)
    assert np.array_equal(loss.data.argmax(axis=1), np.arange(N) % K)


@pytest.mark.thorough
def test_the_bracket_is_also_told_in_training_units(tmp_path, capsys):
    path = write(tmp_path)
    found = inside(capsys, "check", path, "--json", "--budget", "1", "-o", tmp_path / "x.cert").json
    assert found["multiple"] == N
    for side in ("lower", "upper"):
        assert found[f"training_{side}"] == pytest.approx(found[side] / N, rel=1e-15)
    assert found["training_lower"] * N <= found["lower"]
    assert found["training_upper"] * N >= found["upper"]
    proved = inside(capsys, "verify", tmp_path / "x.cert", "--problem", path, "--json").json
    assert proved["training_upper"] == pytest.approx(found["training_upper"])
    text = inside(capsys, "check", path, "--budget", "1").out
    assert "in training" in text
    plain = write_layer(tmp_path)
    assert "multiple" not in inside(capsys, "check", plain, "--json", "--budget", "1").json


def test_the_certificate_is_rejected_for_another_network(tmp_path, capsys):
    path, cert = write(tmp_path), tmp_path / "x.cert"
    inside(capsys, "check", path, "--budget", "1", "-o", cert)
    assert inside(capsys, "verify", cert, "--problem", path).status in (10, 12, 14)
    write(tmp_path, state={**STATE, "2.weight": W2.T + 1})
    assert inside(capsys, "verify", cert, "--problem", path).status == 20


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD, "network.weight_decay is missing"),
        (HEAD + 'weight_decay = "much"', "network.weight_decay"),
        (HEAD + DECAY + "wd = 1", r"the key 'wd' is not known in \[network\]: did you mean"),
        (HEAD + DECAY + 'loss = "mae"', "loss must be one of mse, l1, .* got 'mae'"),
        (HEAD + DECAY + "delta = 0.0", "network.delta must be greater than 0, got 0.0"),
        (HEAD + DECAY + "reported = 1.0", "training reports the loss 1, but these weights on X"),
        (
            HEAD.replace("safetensors", "pt") + DECAY,
            "network.model must end in .safetensors or .onnx",
        ),
        (HEAD.replace("net.", "no.") + DECAY, "cannot read .*no.safetensors: No such file"),
        (HEAD.replace("X.npy", "Z.npy") + DECAY, "cannot read .*Z.npy: No such file"),
        (
            HEAD.replace("safetensors", "onnx") + DECAY + 'layout = "torch"',
            "network.layout is already defined by the ONNX graph .*net.onnx: remove it",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_key(tmp_path, text, told):
    with pytest.raises(InputError, match=told):
        load(write(tmp_path, text))


def test_no_other_table_is_known_beside_a_network(tmp_path):
    with pytest.raises(
        InputError, match=r"net.toml: \[network\] is the whole problem: leave factors"
    ):
        load(write(tmp_path, tail='[factors]\nU = "U.npy"'))


def test_decay_of_one_layer_ends_as_out_of_scope(tmp_path, capsys):
    path = write(tmp_path, HEAD + "weight_decay = [0.5, 0.0]")
    with pytest.raises(OutOfScopeError, match="train with a positive decay"):
        load(path)
    ended = inside(capsys, "check", path)
    assert ended.status == 13
    why = "certify: out of scope: the output weights alone have no decay"
    assert ended.sentence.startswith(why)


def test_without_decay_networks_of_as_many_units_are_compared(tmp_path):
    assert load(write(tmp_path, HEAD + "weight_decay = 0.0")).problem.lam == 0


# --- a hidden layer by its parts ----------------------------------------------------------


def write_layer(folder, atom='bias = "regularized"\nactivation = "relu"', **changed):
    """Write layer.toml: data, atom and factors apart."""
    arrays = {"Z": Y, "X": X, "U": np.vstack([W1, B1]), "V": W2.T, "q": B2, **changed}
    for name, a in arrays.items():
        np.save(folder / f"{name}.npy", a)
    path = folder / "layer.toml"
    path.write_text(
        f"""lam = 0.5
q = ["q.npy"]
[data]
Y = "Z.npy"
[atom]
kind = "relu"
V = "X.npy"
{atom}
[[offsets]]
kind = "column"
ridge = 0.5
[factors]
U = "U.npy"
V = "V.npy"
"""
    )
    return path


def test_a_hidden_layer_is_loaded_as_the_api_would_build_it(tmp_path):
    held = load(write_layer(tmp_path))
    atom = held.problem.atom
    assert isinstance(atom, ReLU)
    assert np.array_equal(atom.layer.features, ReLU(X, bias="regularized").layer.features)
    assert np.array_equal(held.factors[1], W2.T)
    assert held.problem.predict(held.factors, held.q).shape == (N, K)
    assert {p.name for p in held.inputs} >= {"X.npy", "U.npy", "V.npy", "Z.npy", "q.npy"}


def test_the_settings_of_a_hidden_layer_are_read(tmp_path):
    atom = 'activation = "leaky_relu"\nslope = 0.5\nform = "sum"\nright = "l1"\nsamples = "s.npy"'
    labels = np.arange(N - 1) % 3
    pooled = write_layer(
        tmp_path, atom, X=X[: N - 1], Z=Y[:3], U=W1, s=labels.astype(float)[:, None]
    )
    layer = load(pooled).problem.atom.layer
    assert (layer.slope, layer.right.name) == (0.5, "l1")
    assert np.array_equal(layer.samples, labels)


@pytest.mark.parametrize(
    ("atom", "changed", "told"),
    [
        ('bias = "some"', {}, "bias must be one of none, regularized, free, got 'some'"),
        ("slope = 0.5", {}, "slope must be .* for activation='leaky_relu' only"),
        ('slope = "x"', {}, "atom.slope must be a valid number, got 'x'"),
        ("W = 1", {}, r"the key 'W' is not known in \[atom\]: did you mean 'V'"),
        ("", {"X": X[1:]}, "V stands for 6 samples, but the data have 7 rows"),
        ("", {"U": W1[:-1]}, r"factors\[0\] must have shape \(3, r\), got \(2, 5\)"),
        ("", {"U": W1, "V": W2}, r"factors\[1\] must have shape \(2, r\), got \(5, 2\)"),
        ('samples = "s.npy"', {"U": W1, "s": np.arange(N) + 0.5}, "samples must be 7 integers"),
    ],
)
def test_what_is_wrong_in_a_hidden_layer_is_named(tmp_path, atom, changed, told):
    with pytest.raises(InputError, match=told):
        load(write_layer(tmp_path, atom, **changed))
