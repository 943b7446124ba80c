"""scikit-learn's networks are read with the objective that their training descended."""

import numpy as np
import pytest
from scipy.special import xlogy
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor, _multilayer_perceptron

from certify import InputError, OutOfScopeError, Verdict, check, verify
from certify.adapters.sklearn import from_model, training_rows
from tests.network_models import (
    COUNTS,
    IRIS,
    KINDS,
    Y3,
    D,
    N,
    X,
    Y,
    differences,
    fitted,
    objective,
)
from tests.sklearn_models import RELEASE, figures, since

TIGHT = 1e-10  # two float64 sums of a few hundred terms
SMALL = 1e-7  # a step that moves no unit across a kink, and leaves half of the digits
LABELS = {
    "two": (MLPClassifier, IRIS, KINDS > 0, "logistic"),
    "three": (MLPClassifier, IRIS, np.array(["a", "b", "c"])[KINDS], "softmax"),
    "many": (MLPClassifier, IRIS, np.column_stack([KINDS > 0, KINDS > 1]).astype(int), "logistic"),
    "one output": (MLPRegressor, X, Y, "squared"),
    "three outputs": (MLPRegressor, X, Y3, "squared"),
}
WEIGHTS = np.arange(1, N + 1) / 8


def network(kind=MLPRegressor, **settings):
    """Make an estimator with 4 hidden units."""
    plain = {"hidden_layer_sizes": (4,), "alpha": 0.5, "random_state": 0, "max_iter": 400}
    return kind(**{**plain, "solver": "lbfgs", **settings})


def stepped(estimator, data, labels, small=SMALL, **given):
    """Return the first weights of a fit and its mean gradient there, from two short epochs."""
    sgd = {"solver": "sgd", "momentum": 0.0, "max_iter": 1, "learning_rate": "constant"}
    ends = []
    for rate in (small, 2 * small):
        model = clone(estimator).set_params(**sgd, learning_rate_init=rate)
        model = fitted(model, data, labels, **given)
        ends.append([*model.coefs_, *model.intercepts_])
    slope = [(a - b) / small for a, b in zip(*ends, strict=True)]
    first = [a + small * g for a, g in zip(ends[0], slope, strict=True)]
    steps = -(-len(data) // estimator.batch_size)
    return first, [g / steps for g in slope], model


def near(found, wanted, within):
    size = np.sqrt(sum((w**2).sum() for w in wanted))
    apart = np.sqrt(sum(((f - w) ** 2).sum() for f, w in zip(found, wanted, strict=True)))
    return apart <= within * size


def judged_at(model, weights, data, labels, **given):
    """Return the adapter's objective, in the library's units, as a function of all weights."""
    problem, factors = from_model(model, data, labels, **given)

    def value(arrays):
        W1, W2, b, c = arrays
        return problem.objective((np.vstack([W1, b]), W2.T), (c,)) / factors.multiple

    return differences(value, weights)


@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("name", LABELS)
def test_the_gradient_of_a_full_batch_is_that_of_the_judged_objective(name, activation):
    kind, data, labels, _ = LABELS[name]
    estimator = network(kind, activation=activation, batch_size=len(data))
    first, slope, model = stepped(estimator, data, labels)
    assert near(judged_at(model, first, data, labels), slope, 1e-6)
    model.alpha *= 2  # its factor of two would be noticed
    model.loss_curve_[0] += 0.25 * sum((w**2).sum() for w in model.coefs_) / len(data)
    assert not near(judged_at(model, first, data, labels), slope, 1e-3)


@pytest.mark.parametrize("weights", [None, pytest.param(WEIGHTS, marks=since(1, 7))])
def test_batches_that_stay_the_same_weigh_their_rows_and_the_decay(weights):
    given = {} if weights is None else {"sample_weight": weights}
    estimator = network(batch_size=10, shuffle=False, alpha=3.0)
    first, slope, model = stepped(estimator, X, Y, **given)
    assert near(judged_at(model, first, X, Y, **given), slope, 1e-5)
    problem, _ = from_model(model, X, Y, **given)
    sizes = [10, 10, 4] if weights is None else np.add.reduceat(WEIGHTS, [0, 10, 20])
    total = float(np.sum(sizes))
    assert problem.lam == pytest.approx(3 * total * np.mean([1 / s for s in sizes]), rel=TIGHT)


def test_shuffled_batches_decay_by_the_mean_of_one_over_their_sizes():
    estimator = network(batch_size=10, alpha=2.0**20)  # the data count for nothing
    first, slope, model = stepped(estimator, X, Y, small=2.0**-40)
    problem, factors = from_model(model, X, Y)
    pulled = [problem.lam / factors.multiple * w for w in first[:2]]
    assert near(pulled, slope[:2], 1e-4)
    assert problem.loss.scale is None
    assert problem.lam == pytest.approx(2**20 * N * (0.1 + 0.1 + 0.25) / 3, rel=TIGHT)


@pytest.mark.parametrize("name", LABELS)
def test_the_judged_objective_is_n_times_what_lbfgs_reports(name):
    kind, data, labels, loss = LABELS[name]
    model = fitted(network(kind), data, labels)
    problem, factors = from_model(model, data, labels)
    assert (problem.loss.name, problem.lam, factors.multiple) == (loss, 0.5, len(data))
    assert (problem.atom.bias, problem.atom.form, problem.atom.activation) == (
        "free",
        "sum",
        "relu",
    )
    assert [(o.name, o.ridge) for o in problem.offsets] == [("column", 0.0)]
    mine = objective(problem, factors) / factors.multiple
    if name == "three outputs":  # the report divides the data's part by the outputs
        data_part = problem.loss.value(problem.predict(tuple(factors), factors.q)) / len(data)
        mine -= data_part * 2 / 3
    assert mine == pytest.approx(model.loss_, rel=TIGHT)


def test_a_later_library_may_report_the_sum_over_outputs():
    model = fitted(network(), X, Y3)
    problem, factors = from_model(model, X, Y3)
    model.loss_ = objective(problem, factors) / factors.multiple
    assert from_model(model, X, Y3)[0].lam == problem.lam


@since(1, 7)
def test_poisson_counts_are_judged_up_to_a_constant():
    model = fitted(network(loss="poisson"), X, COUNTS)
    problem, factors = from_model(model, X, COUNTS)
    constant = float((xlogy(COUNTS, COUNTS) - COUNTS).sum())
    assert problem.loss.name == "poisson"
    mine = (objective(problem, factors) + constant) / N
    assert mine == pytest.approx(model.loss_, rel=TIGHT)


def test_the_factors_predict_what_the_model_predicts():
    model = fitted(network(), X, Y3)
    problem, factors = from_model(model, X, Y3)
    assert problem.predict(tuple(factors), factors.q) == pytest.approx(model.predict(X), abs=TIGHT)
    assert np.array_equal(factors[0], np.vstack([model.coefs_[0], model.intercepts_[0]]))
    assert np.array_equal(factors[1], model.coefs_[1].T)


@since(1, 7)
def test_sample_weights_weigh_rows_and_a_weight_of_zero_drops_one():
    weights = np.where(np.arange(N) == 5, 0.0, WEIGHTS)
    model = fitted(network(), X, Y, sample_weight=weights)
    problem, factors = from_model(model, X, Y, sample_weight=weights)
    assert problem.loss.shape == (N - 1, 1)
    assert problem.atom.layer.features.shape == (N - 1, D + 1)
    assert factors.multiple == weights.sum()
    assert objective(problem, factors) / factors.multiple == pytest.approx(model.loss_, rel=TIGHT)
    with pytest.raises(InputError, match="and its sample_weight if it had one"):
        from_model(model, X, Y)


@since(1, 7)
def test_a_row_of_weight_zero_fills_a_place_in_its_batch():
    weights = np.where(np.arange(N) < 8, 0.0, 1.0)
    estimator = network(batch_size=10, shuffle=False, alpha=3.0)
    first, slope, model = stepped(estimator, X, Y, sample_weight=weights)
    assert near(judged_at(model, first, X, Y, sample_weight=weights), slope, 1e-5)
    problem, _ = from_model(model, X, Y, sample_weight=weights)
    assert problem.loss.shape == (N - 8, 1)
    assert problem.lam == pytest.approx(3 * 16 * np.mean([1 / 2, 1 / 10, 1 / 4]), rel=TIGHT)
    mixed = fitted(network(solver="adam", batch_size=20, max_iter=5), X, Y, sample_weight=weights)
    with pytest.raises(OutOfScopeError, match="so there is no fixed objective"):
        from_model(mixed, X, Y, sample_weight=weights)  # 16 rows count, of 24 in two batches
    with pytest.raises(InputError, match="sample_weight must be > 0 for at least one row"):
        from_model(fitted(network(), X, Y), X, Y, sample_weight=weights, rows=np.arange(8))


def test_a_converged_fit_is_stationary_for_its_problem_and_not_with_a_lam_n_times_less():
    model = fitted(network(tol=1e-9, max_iter=20_000, alpha=2.0), X, Y)
    problem, factors = from_model(model, X, Y)
    W = problem.dual_point(tuple(factors), factors.q)
    earned, _ = problem.atom.inner_products(W, tuple(factors), problem.loss.observed)
    price = problem.lam * problem.atom.theta(tuple(factors))
    assert np.abs(earned - price).max() < 1e-2 * price.sum()
    assert np.abs(earned - price / N).max() > 0.5 * price.sum()


@pytest.mark.thorough
def test_check_gives_a_bracket_of_the_library_objective():
    model = fitted(network(), X, Y)
    problem, factors = from_model(model, X, Y)
    result = check(problem, factors, q=factors.q, budget=1.0)
    low, high = (x / factors.multiple for x in (result.lower, result.upper))
    assert 0 <= low <= model.loss_ * (1 + TIGHT)
    assert high == pytest.approx(model.loss_, rel=TIGHT)


def judged_by_check(model, data, labels, rtol):
    problem, factors = from_model(model, data, labels)
    found = check(problem, factors, q=factors.q, rtol=rtol, budget=20.0)
    assert found.upper / factors.multiple == pytest.approx(model.loss_, rel=1e-6)
    return problem, factors, found


@pytest.mark.thorough
def test_a_converged_network_is_certified_and_one_stopped_early_is_refuted():
    data, labels = X[:, :1], Y > 0
    settings = {"hidden_layer_sizes": (20,), "alpha": 1.0, "tol": 1e-10, "random_state": 1}
    model = fitted(network(MLPClassifier, max_iter=20_000, **settings), data, labels)
    problem, factors, found = judged_by_check(model, data, labels, 1e-3)
    assert found.verdict is Verdict.CERTIFIED
    assert verify(found.certificate, problem, factors, q=factors.q, rtol=1e-3).certified
    early = fitted(network(MLPClassifier, max_iter=4, **settings), data, labels)
    _, factors, found = judged_by_check(early, data, labels, 1e-3)
    assert found.verdict is Verdict.REFUTED
    assert found.better[0].shape[1] <= factors[0].shape[1]


def test_a_network_of_too_few_units_is_told_so():
    data = np.linspace(-1, 1, 15)[:, None]
    labels = np.abs(data[:, 0]) + 0.5 * np.maximum(data[:, 0] - 0.5, 0) * 8
    settings = {"hidden_layer_sizes": (1,), "alpha": 0.01, "tol": 1e-10, "max_iter": 5_000}
    fits = [fitted(network(random_state=k, **settings), data, labels) for k in range(6)]
    model = min(fits, key=lambda m: m.loss_)
    _, _, found = judged_by_check(model, data, labels, 1e-2)
    assert found.verdict is Verdict.RANK_LIMITED
    assert found.better[0].shape[1] > 1


# --- rows --------------------------------------------------------------------------------


TEXTS = pytest.mark.skipif(
    (1, 6) <= RELEASE <= (1, 8), reason="scikit-learn 1.6 to 1.8 score no text labels"
)


@pytest.mark.parametrize("name", ["two", pytest.param("three", marks=TEXTS), "one output"])
def test_early_stopping_needs_the_rows_and_they_can_be_drawn_again(name, monkeypatch):
    kind, data, labels, _ = LABELS[name]
    data, labels = np.vstack([data] * 3), np.concatenate([labels] * 3)
    settings = {
        "solver": "adam",
        "early_stopping": True,
        "max_iter": 60,
        "learning_rate_init": 0.02,
    }
    drawn = []

    def split(*given, **settings):
        drawn.append(train_test_split(*given, **settings))
        return drawn[-1]

    monkeypatch.setattr(_multilayer_perceptron, "train_test_split", split)
    data = data + np.arange(len(data))[:, None] / 2**20  # every row is told from the others
    model = fitted(network(kind, **settings), data, labels)
    with pytest.raises(InputError, match=r"early_stopping held out .*: pass rows="):
        from_model(model, data, labels)
    rows = training_rows(model, data, labels)
    assert np.array_equal(data[rows], drawn[0][0])
    problem, factors = from_model(model, data, labels, rows=rows)
    assert len(rows) == len(problem.loss.data) == model.t_ // model.n_iter_
    best = model.loss_curve_[int(np.argmax(model.validation_scores_))]
    mine = objective(problem, factors) / factors.multiple
    assert mine == pytest.approx(best, rel=0.2)
    mask = np.isin(np.arange(len(data)), rows)
    again, _ = from_model(model, data, labels, rows=mask)
    assert np.array_equal(np.sort(again.loss.data, axis=0), np.sort(problem.loss.data, axis=0))
    with pytest.raises(InputError, match=rf"trained on {len(rows)} rows, but {len(rows) - 1}"):
        from_model(model, data, labels, rows=rows[1:])


def test_without_a_shuffle_the_rows_have_an_order():
    settings = {"solver": "adam", "early_stopping": True, "shuffle": False, "batch_size": 10}
    model = fitted(network(**settings), X, Y)
    rows = training_rows(model, X, Y)
    first = from_model(model, X, Y, rows=rows)[0].atom.layer.features
    assert np.array_equal(first[:, :D], X[rows])
    with pytest.raises(InputError, match="rows must be indices in the order of the split, not a"):
        from_model(model, X, Y, rows=np.isin(np.arange(N), rows))


def test_lbfgs_ignores_early_stopping_and_batches():
    model = fitted(network(early_stopping=True, batch_size=5), X, Y)
    problem, factors = from_model(model, X, Y)
    assert (problem.lam, len(problem.loss.data)) == (0.5, N)
    assert objective(problem, factors) / factors.multiple == pytest.approx(model.loss_, rel=TIGHT)


def test_rows_cannot_be_drawn_again_without_an_integer_seed():
    model = fitted(network(solver="adam", early_stopping=True, random_state=None), X, Y)
    with pytest.raises(InputError, match=r"random_state must be an integer .* got None"):
        training_rows(model, X, Y)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([0, 0, 1], r"rows must be different indices in 0..23 or a mask"),
        ([0, N], r"rows must be different indices"),
        ([-1, 0], r"rows must be different indices"),
        ([], r"rows must be different indices"),
        ([0.5], r"got float64 of shape \(1,\)"),
        (np.ones(3, dtype=bool), r"got bool of shape \(3,\)"),
    ],
)
def test_wrong_rows_are_named(rows, told):
    with pytest.raises(InputError, match=told):
        from_model(fitted(network(), X, Y), X, Y, rows=rows)


# --- figures -----------------------------------------------------------------------------


def test_other_data_are_refused_with_both_figures():
    model = fitted(network(), X, Y)
    with pytest.raises(InputError, match="pass the X and y of the fit") as error:
        from_model(model, X[::-1], Y)
    theirs, mine = figures(error)
    residual = 0.5 * ((model.predict(X[::-1]) - Y) ** 2).mean()
    decay = 0.25 * sum((w**2).sum() for w in model.coefs_) / N
    assert theirs == pytest.approx(model.loss_, rel=1e-8)
    assert mine == pytest.approx(residual + decay, rel=1e-8)


@pytest.mark.parametrize("settings", [{}, {"batch_size": 10}, {"batch_size": 7, "shuffle": False}])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_the_mean_of_an_epoch_is_near_the_loss_at_its_end_or_refused(solver, settings):
    model = fitted(network(solver=solver, learning_rate_init=0.01, **settings), X, Y)
    problem, factors = from_model(model, X, Y)
    assert objective(problem, factors) / factors.multiple == pytest.approx(model.loss_, rel=0.2)
    with pytest.raises(InputError, match=r"reports loss_curve_\[\d+\] .* give") as error:
        from_model(model, X, Y[::-1])
    assert figures(error)[1] > figures(error)[0]


@pytest.mark.parametrize("weights", [None, pytest.param(WEIGHTS, marks=since(1, 7))])
def test_steps_that_repeat_in_every_epoch_are_compared_with_one_more_epoch(weights):
    """The means of the epochs agree, but not with the loss at the end of each."""
    given = {} if weights is None else {"sample_weight": weights}
    settings = {"batch_size": 4, "shuffle": False, "learning_rate_init": 0.1}
    estimator = network(solver="sgd", tol=1e-9, n_iter_no_change=99, **settings)
    model = fitted(estimator, X, Y, **given)
    before = [w.copy() for w in model.coefs_]
    from_model(model, X, Y, **given)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.coefs_, strict=True))
    with pytest.raises(InputError, match="pass the X and y of the fit"):
        from_model(model, X, Y[::-1], **given)


def test_single_precision_is_compared_at_its_own_rounding():
    data = X.astype(np.float32)
    model = fitted(network(solver="adam", batch_size=N), data, Y.astype(np.float32))
    assert model.coefs_[0].dtype == np.float32
    problem, factors = from_model(model, data, Y.astype(np.float32))
    assert factors[0].dtype == np.float64
    assert objective(problem, factors) / factors.multiple == pytest.approx(model.loss_, rel=1e-2)


# --- refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"hidden_layer_sizes": (3, 3)}, r"has 3 layers of weights: .* train one hidden layer"),
        ({"hidden_layer_sizes": ()}, r"has no hidden layer, so its training problem is convex"),
        (
            {"activation": "tanh"},
            r"'tanh' is not positively homogeneous: fit with activation='relu",
        ),
        ({"activation": "logistic"}, r"'logistic' is not positively homogeneous"),
        (
            {"solver": "adam", "warm_start": True, "early_stopping": True},
            r"may have kept the weights of an earlier fit: fit without one of them",
        ),
    ],
)
@pytest.mark.parametrize("kind", [MLPRegressor, MLPClassifier])
def test_what_the_theory_does_not_cover_names_the_cure(kind, settings, told):
    model = fitted(network(kind, **{"max_iter": 5, **settings}), X, Y > 0)
    with pytest.raises(OutOfScopeError, match=told):
        from_model(model, X, Y > 0, rows=np.arange(N))


@pytest.mark.parametrize("kind", [MLPRegressor, MLPClassifier])
def test_without_decay_better_weights_of_as_many_units_are_searched(kind):
    labels = Y if kind is MLPRegressor else Y > 0
    model = fitted(network(kind, alpha=0.0, max_iter=2), X, labels)
    problem, factors = from_model(model, X, labels)
    assert (problem.lam, problem.atom.bias) == (0.0, "regularized")
    result = check(problem, factors, q=factors.q)
    assert result.verdict is Verdict.REFUTED
    assert result.better_model(model).loss_ < 0.9 * model.loss_


def test_partial_fit_is_out_of_scope():
    model = network(solver="sgd")
    for _ in range(3):
        model.partial_fit(X, Y)
    with pytest.raises(OutOfScopeError, match=r"after partial_fit makes one step .*: use fit"):
        from_model(model, X, Y)


def test_a_warm_start_is_judged_on_the_data_of_its_last_fit():
    model = network(warm_start=True, solver="adam", batch_size=N, max_iter=50)
    fitted(fitted(model, X, Y), X, Y / 2)
    problem, _ = from_model(model, X, Y / 2)
    assert np.array_equal(problem.loss.data[:, 0], Y / 2)


@since(1, 7)
def test_weights_of_rows_in_shuffled_batches_fix_no_objective():
    model = fitted(network(solver="adam", batch_size=10), X, Y, sample_weight=WEIGHTS)
    with pytest.raises(OutOfScopeError, match=r"no fixed objective: fit with batch_size"):
        from_model(model, X, Y, sample_weight=WEIGHTS)


@pytest.mark.parametrize(
    ("data", "labels", "told"),
    [
        (X[:, :2], Y, r"X must have 3 features, as in the fit, got shape \(24, 2\)"),
        (X[:9], Y, r"X and y must have the same number of rows, got 9 and 24"),
        (X, Y3, r"y must have 1 outputs, as in the fit, got shape \(24, 3\)"),
        (X, None, r"y must be given for MLPRegressor"),
        (X, np.where(np.arange(N) == 3, np.nan, Y), r"y must be finite, got nan"),
        (np.where(np.arange(D) == 1, np.inf, X), Y, r"X must be finite, got inf"),
    ],
)
def test_wrong_data_are_named(data, labels, told):
    with pytest.raises(InputError, match=told):
        from_model(fitted(network(), X, Y), data, labels)


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        (np.ones(3), r"must be 24 numbers >= 0, not all 0, got shape \(3,\)"),
        (-np.ones(N), r"got -1.0"),
        (np.zeros(N), r"got 0.0"),
    ],
)
def test_wrong_sample_weights_are_named(weights, told):
    with pytest.raises(InputError, match=told):
        from_model(fitted(network(), X, Y), X, Y, sample_weight=weights)


def test_a_label_that_the_fit_did_not_see_is_named():
    model = fitted(network(MLPClassifier), IRIS, np.array(["a", "b", "c"])[KINDS])
    with pytest.raises(InputError, match="y must hold the classes a, b, c, got d"):
        from_model(model, IRIS, np.array(["a", "b", "d"])[KINDS])


def test_one_class_alone_is_read_as_zeros():
    model = fitted(network(MLPClassifier, max_iter=3), X, np.ones(N))
    problem, _ = from_model(model, X, np.ones(N))
    assert not problem.loss.data.any()
    assert problem.loss.shape == (N, 1)


def test_an_unfitted_network_is_named():
    with pytest.raises(InputError, match=r"must be fitted first, got an unfitted MLPRegressor\("):
        from_model(network(), X, Y)


def test_a_subclass_may_minimize_something_else():
    class Mine(MLPRegressor):
        pass

    with pytest.raises(OutOfScopeError, match="not Mine"):
        from_model(fitted(network(Mine), X, Y), X, Y)


def test_arguments_of_the_other_kind_of_model_are_refused():
    with pytest.raises(InputError, match="codes belong to a factorization, not to MLPRegressor"):
        from_model(fitted(network(), X, Y), X, Y, codes=X)
    for name in ("y", "rows", "sample_weight"):
        with pytest.raises(InputError, match=f"{name} belongs to a network, not to PCA"):
            from_model(PCA(1).fit(X), X, **{name: Y})


def test_a_model_is_left_as_it_was():
    model = fitted(network(), X, Y)
    before = [w.copy() for w in (*model.coefs_, *model.intercepts_)]
    _, factors = from_model(model, X, Y)
    factors[0][:] = 0
    pairs = zip(before, (*model.coefs_, *model.intercepts_), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)
