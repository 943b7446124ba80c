"""A result's better factors as a fitted estimator, and the tolerance of the fit itself."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import (
    NMF,
    PCA,
    DictionaryLearning,
    IncrementalPCA,
    MiniBatchDictionaryLearning,
    MiniBatchNMF,
    MiniBatchSparsePCA,
    SparsePCA,
    TruncatedSVD,
)
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from certify import InputError, Problem, check, from_model
from certify.adapters._rebuilt import rebuilt
from certify.adapters.sklearn import training_rows
from certify.adapters.torch import from_model as torch_model
from certify.atoms import RankOne
from certify.losses import Squared
from tests.sklearn_models import SMALL, X, alphas

ROUGH = {
    "NMF": lambda: NMF(4, random_state=0, tol=1e-2, **alphas()),
    "NMF plain": lambda: NMF(3, random_state=0, tol=1e-2),
    "NMF kl": lambda: NMF(
        2, random_state=0, tol=1e-2, solver="mu", beta_loss="kullback-leibler", alpha_W=0.01
    ),
    "PCA": lambda: PCA(
        3, svd_solver="randomized", iterated_power=0, n_oversamples=1, random_state=0
    ),
    "TruncatedSVD": lambda: TruncatedSVD(3, n_iter=0, n_oversamples=1, random_state=0),
    "DictionaryLearning": lambda: DictionaryLearning(5, alpha=0.5, random_state=0, max_iter=10),
    "SparsePCA": lambda: SparsePCA(4, alpha=0.5, random_state=0, max_iter=10),
    "IncrementalPCA": lambda: IncrementalPCA(3, batch_size=10),
    "MiniBatchSparsePCA": lambda: MiniBatchSparsePCA(4, alpha=0.5, random_state=0, max_iter=10),
}


def rough(name, data=X):
    """Fit and stop early."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ROUGH[name]().fit(data)


def value(problem, factors):
    """Return the objective that the library minimizes."""
    return problem.objective(tuple(factors), factors.q or ())


@pytest.mark.parametrize("name", [k for k in ROUGH if k != "NMF kl"])
def test_the_better_model_is_read_as_a_fit_that_reaches_what_was_proved(name):
    model = rough(name)
    before = pickle.dumps(model)
    problem, factors = from_model(model, X)
    result = check(problem, factors, q=factors.q, budget=1.0)
    assert result.verdict.name == "REFUTED"
    assert "Take result.better_model(estimator), " in result.explain()
    better = result.better_model(model)
    assert pickle.dumps(model) == before
    assert type(better) is type(model)
    again, held = from_model(better, X)  # it compares the figures with the factors
    assert value(again, held) <= result.better_upper * (1 + 1e-9)
    assert value(again, held) < value(problem, factors)
    assert better.transform(X).shape == (len(X), len(better.components_))
    assert getattr(better, "error_", [0])[-1] <= getattr(model, "error_", [0])[-1]
    assert vars(better).keys() == vars(model).keys()


def test_the_figure_of_a_dictionary_is_that_of_the_codes_that_are_solved_for_again():
    model = rough("DictionaryLearning")
    U, V = from_model(model, X)[1]
    better = rebuilt(model, X, (U / 2, V), ())
    again, held = from_model(better, X)
    assert better.error_[-1] == pytest.approx(value(again, held), rel=1e-9)


def test_the_divergence_is_the_figure_of_the_better_factors():
    model = rough("NMF kl", SMALL)
    problem, factors = from_model(model, SMALL)
    U, V = factors[0] + 0.5, factors[1]
    better = rebuilt(model, SMALL, (U, V), ())
    expected = np.sqrt(2 * problem.loss.value(U @ V.T))
    assert better.components_ == pytest.approx(model.components_, rel=1e-12)
    assert better.reconstruction_err_ == pytest.approx(expected, rel=1e-12)


def test_pca_and_truncated_svd_have_the_spectrum_of_their_data():
    for name, data in (("PCA", X - X.mean(axis=0)), ("TruncatedSVD", X)):
        model = rough(name)
        problem, factors = from_model(model, X)
        better = check(problem, factors, q=factors.q, budget=1.0).better_model(model)
        sizes = np.linalg.svd(data, compute_uv=False)[:3]
        exact = type(model)(3, **({"algorithm": "arpack"} if name == "TruncatedSVD" else {})).fit(X)
        assert better.singular_values_ == pytest.approx(sizes, rel=1e-6)
        for figure in ("explained_variance_", "explained_variance_ratio_"):
            assert getattr(better, figure) == pytest.approx(getattr(exact, figure), rel=1e-6)
        assert getattr(better, "noise_variance_", 0) == pytest.approx(
            getattr(exact, "noise_variance_", 0), rel=1e-6
        )


def test_more_components_are_a_larger_model_and_its_own_size_another_question():
    model = DictionaryLearning(1, alpha=0.5, random_state=0, tol=1e-13).fit(SMALL)
    problem, factors = from_model(model, SMALL)
    result = check(problem, factors, budget=1.0)
    assert result.verdict.name == "RANK_LIMITED"
    assert "Take result.better_model(estimator), which has more components" in result.explain()
    better = result.better_model(model)
    k = better.n_components
    assert k == len(better.components_) == result.better[0].shape[1] > 1
    assert np.linalg.norm(better.components_, axis=1) == pytest.approx(np.ones(k), rel=1e-12)
    assert value(*from_model(better, SMALL)) <= result.better_upper * (1 + 1e-9)
    own = result.own_size
    if own.better is None:
        with pytest.raises(InputError, match=f"{own.verdict.name} has no better factors"):
            result.better_model(model, own_size=True)
    else:
        assert result.better_model(model, own_size=True).n_components == 1


@pytest.mark.parametrize("name", ["NMF", "DictionaryLearning", "SparsePCA", "PCA"])
def test_a_copy_without_components_is_refused(name):
    model, (n, m) = rough(name), X.shape
    nothing = (
        np.zeros((m if name == "SparsePCA" else n, 0)),
        np.zeros((n if name == "SparsePCA" else m, 0)),
    )
    with pytest.raises(InputError, match=f"are zero, and {name} has at least one component"):
        rebuilt(model, X.T if name == "SparsePCA" else X, nothing, ())


def test_a_pipeline_and_a_search_keep_their_steps():
    pipeline = make_pipeline(
        MinMaxScaler(), NMF(3, random_state=0, tol=1e-1, **alphas()), "passthrough"
    )
    pipeline.fit(X)
    problem, factors = from_model(pipeline, X)
    result = check(problem, factors, budget=1.0)
    better = result.better_model(pipeline)
    assert [name for name, _ in better.steps] == [name for name, _ in pipeline.steps]
    assert value(*from_model(better, X)) <= result.better_upper * (1 + 1e-9)
    assert value(*from_model(pipeline, X)) == value(problem, factors)
    rows = np.arange(len(X))
    search = GridSearchCV(ROUGH["PCA"](), {"whiten": [False]}, cv=[(rows, rows)]).fit(X)
    problem, factors = from_model(search, X)
    result = check(problem, factors, q=factors.q, budget=1.0)
    assert isinstance(result.better_model(search), PCA)


def test_a_regressor_of_transformed_targets_and_a_frozen_one_stay_what_they_are():
    frozen = pytest.importorskip("sklearn.frozen", reason="since scikit-learn 1.6").FrozenEstimator
    data = np.random.default_rng(0).normal(size=(40, 2))
    y = 3 + 2 * np.abs(data[:, 0])
    network = make_pipeline(MinMaxScaler(), NETWORKS["regressor"]().set_params(alpha=1e-3))
    model = TransformedTargetRegressor(network, transformer=MinMaxScaler())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(data, y)
    for given in (model, frozen(model)):
        problem, factors = from_model(given, data, y)
        better = check(problem, factors, q=factors.q, budget=1.0).better_model(given)
        assert type(better) is type(given)
        assert ((better.predict(data) - y) ** 2).sum() < ((given.predict(data) - y) ** 2).sum()
        assert value(*from_model(better, data, y)) < value(problem, factors)


NETWORKS = {
    "regressor": lambda: MLPRegressor(
        hidden_layer_sizes=(3,), alpha=0.5, solver="lbfgs", max_iter=3, random_state=0
    ),
    "adam": lambda: MLPRegressor(hidden_layer_sizes=(3,), alpha=0.5, max_iter=3, random_state=0),
    "stopped early": lambda: MLPClassifier(
        hidden_layer_sizes=(3,), max_iter=20, random_state=0, early_stopping=True
    ),
    "classes": lambda: MLPClassifier(
        hidden_layer_sizes=(3,), alpha=0.5, max_iter=3, random_state=0
    ),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_better_network_is_read_as_a_fit_with_its_own_units(name):
    rng = np.random.default_rng(0)
    data = rng.normal(size=(40, 2))
    Y = np.abs(data) if "class" not in name and name != "stopped early" else data[:, 0] > 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make_pipeline(MinMaxScaler(), NETWORKS[name]()).fit(data, Y)
    rows = {"rows": training_rows(model[-1], data, Y)} if name == "stopped early" else {}
    problem, factors = from_model(model, data, Y, **rows)
    result = check(problem, factors, q=factors.q, budget=1.0)
    assert "Take result.better_model(estimator), " in result.explain()
    better = pickle.loads(pickle.dumps(result)).better_model(model)  # noqa: S301  our own
    assert better.predict(data).shape == model.predict(data).shape
    assert better[-1].hidden_layer_sizes == (result.better[0].shape[1],)
    again, held = from_model(better, data, Y, **rows)
    if name in ("adam", "classes"):
        assert better[-1].best_loss_ == min(better[-1].loss_curve_) == better[-1].loss_
    assert value(again, held) <= result.better_upper * (1 + 1e-9) < value(problem, factors)
    if name in ("adam", "classes"):
        better[-1].partial_fit(data, Y)
    with pytest.raises(InputError, match=r"must have 2 features, .* got 3"):
        result.better_model(
            NETWORKS["regressor"]().set_params(tol=9.0).fit(rng.random((9, 3)), Y[:9])
        )
    with pytest.raises(InputError, match="a fitted MLPRegressor or MLPClassifier, got PCA"):
        result.better_model(PCA(2))


@pytest.mark.parametrize(("bias", "kind"), [(True, "float32"), (False, "float64")])
def test_a_better_module_computes_what_was_proved(bias, kind):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    x = torch.linspace(-2, 2, 12, dtype=getattr(torch, kind))[:, None]
    y = torch.abs(x) - 0.5 * torch.relu(x - 1)
    layers = torch.nn.Linear(1, 3, bias=bias), torch.nn.ReLU(), torch.nn.Linear(3, 1, bias=bias)
    net = torch.nn.Sequential(torch.nn.Sequential(*layers[:2]), layers[2]).to(x.dtype)
    problem, factors = torch_model(net, x, y, weight_decay=0.02)
    result = check(problem, factors, q=factors.q, budget=1.0)
    better = result.better_model(net)
    again, held = torch_model(better, x, y, weight_decay=0.02)
    size = 4 * float(np.finfo(kind).eps)  # the weights are rounded
    assert value(again, held) == pytest.approx(result.better_upper, rel=size)
    assert better[0][0].out_features == better[1].in_features == held[0].shape[1]
    assert better[1].weight.dtype is x.dtype
    assert not np.shares_memory(net[1].weight.detach().numpy(), better[1].weight.detach().numpy())
    for wrong in (layers[0], torch.nn.Sequential(layers[0])):
        with pytest.raises(InputError, match="the Sequential that from_model read, got"):
            result.better_model(wrong)
    for (d, outputs, first, last), said in {
        (2, 1, bias, bias): "with 1 features, got 2",
        (1, 2, bias, bias): "with 1 outputs, got 2",
        (1, 1, not bias, bias): f"with {int(bias)} biases of hidden units, got {int(not bias)}",
        (1, 1, bias, not bias): f"with {int(bias)} biases of outputs, got {int(not bias)}",
    }.items():
        parts = torch.nn.Linear(d, 3, bias=first), torch.nn.Linear(3, outputs, bias=last)
        with pytest.raises(InputError, match=f"the network of this result, {said}"):
            result.better_model(torch.nn.Sequential(parts[0], torch.nn.ReLU(), parts[1]))


def test_what_cannot_be_put_into_an_estimator_says_so():
    model = rough("TruncatedSVD")
    problem, factors = from_model(model, X)
    result = check(problem, factors, budget=1.0)
    for wrong, said in (
        (MiniBatchNMF(2), "estimator must be a fitted NMF, PCA, .*, got MiniBatchNMF"),
        (PCA(2), "estimator must be a fitted NMF, PCA, .*, got PCA"),
        (PCA(2).fit(X[:, :5]), f"PCA must have {X.shape[1]} features, .* got 5"),
        (3, "got int"),
    ):
        with pytest.raises(InputError, match=said):
            result.better_model(wrong)
    batches = MiniBatchDictionaryLearning(3, alpha=0.5, random_state=0, max_iter=1, tol=0).fit(X)
    question, held = from_model(batches, X)
    with pytest.raises(
        InputError, match=r"makes no MiniBatchDictionaryLearning, .* take result\.better$"
    ):
        check(question, held, budget=1.0).better_model(batches)
    plain = check(problem, tuple(factors), budget=1.0)
    assert "Take result.better, let" in plain.explain()
    with pytest.raises(InputError, match=r"needs the factors that from_model .* result\.better$"):
        plain.better_model(model)
    best = PCA(2).fit(X)
    problem, factors = from_model(best, X)
    with pytest.raises(InputError, match="CERTIFIED has no better factors: keep the estimator"):
        check(problem, factors, q=factors.q).better_model(best)


def test_a_result_that_was_saved_makes_its_better_model_too():
    model = rough("TruncatedSVD")
    problem, factors = from_model(model, X)
    result = check(problem, factors, budget=1.0)
    back = pickle.loads(pickle.dumps(result))  # noqa: S301  our own
    components = back.better_model(model).components_
    assert np.array_equal(components, result.better_model(model).components_)


@pytest.mark.parametrize(
    ("made", "rtol"),
    [
        (lambda: PCA(2).fit(X), 1e-6),
        (lambda: NMF(3, random_state=0, **alphas()).fit(X), 1e-4),
        (lambda: NMF(3, random_state=0, tol=1e-9, max_iter=2000, **alphas()).fit(X), 1e-6),
    ],
)
def test_the_factors_know_the_tolerance_of_their_fit(made, rtol):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert from_model(made(), X)[1].rtol == rtol


def test_the_advice_is_the_tolerance_at_which_the_fit_stops():
    Y = np.diag([5.0, 4.0])
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 1.0)
    near = np.diag([4.0, 3.0 + 2.0**-7]), np.eye(2)  # .00038 % above the optimum
    factors = from_model(PCA(1).fit(Y), Y)[1]
    held = type(factors)(*near)
    held.origin = type(factors.origin)("NMF", 3e-3)
    told = "The fit itself stops at tol=0.003: rtol=0.003 accepts it."
    assert check(problem, held).explain().endswith(told)
    assert check(problem, held, rtol=held.rtol).certified
    held.origin = type(factors.origin)("NMF", 1e-7)
    assert check(problem, held).explain().endswith("rtol=1e-05 accepts it.")
    assert held.rtol == 1e-6
