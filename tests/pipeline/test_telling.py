"""Results, certificates and scores as people meet them in Python."""

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import certify
import problems
from certify import InputError, OutOfScopeError, Problem, Verdict, check, from_model, improve, score
from certify.atoms import CP, RankOne
from certify.losses import Absolute, Squared
from certify.pipeline.numbers import at_most
from tests.pipeline.test_report import Page
from tests.tolerance import exact_objective

Y = np.diag([3.0, 2.0])
PROBLEM = Problem(Squared(Y), RankOne("l2", "l2"), 0.5)
E1 = np.array([[1.0], [0.0]])
POOR = 1.5 * E1, 1.5 * E1


@pytest.fixture(scope="module")
def poor():
    return check(PROBLEM, POOR)


@pytest.fixture(scope="module")
def best():
    return improve(PROBLEM, POOR).result


def test_import_loads_neither_numpy_nor_scipy():
    heavy = "{'numpy', 'scipy', 'cvxpy', 'rich'}"
    code = f"import certify, sys; print(sorted({heavy} & {{*sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.thorough
def test_check_loads_no_library_that_it_does_not_need():
    code = "from certify import check, verify; import sys; print(sorted({*sys.modules} & {heavy}))"
    heavy = "{'cvxpy', 'matplotlib', 'jinja2', 'sklearn', 'torch', 'tensorly', 'onnx', 'rich'}"
    done = subprocess.run(
        [sys.executable, "-c", code.replace("{heavy}", heavy)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_public_names_are_listed_and_no_others_found():
    assert set(certify.__all__) <= set(dir(certify))
    with pytest.raises(AttributeError, match="no attribute 'improvement'"):
        certify.improvement  # noqa: B018
    assert callable(certify.improve)


def test_explain_names_what_is_loose_what_was_tried_and_what_to_try(poor, best):
    told = poor.explain()
    assert told.startswith(f"A{poor.distance.removeprefix('a')}.")
    assert told.splitlines()[1].startswith(poor.verdict.name)
    assert "result.better" in told
    assert (
        f"the objective went from {poor.steps[0][1]:.10g} to {min(v for _, v in poor.steps):.10g}"
        in told
    )
    assert "That is within epsilon of the lower bound" in told
    loose = replace(poor, lower=poor.lower - 1.0).explain()
    assert "That is 80 % above the lower bound" in loose
    assert "2.25 <= optimum over any size, and" in told
    assert "exact integers" in told
    assert "verify() rechecks it" in best.explain()


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_says_what_to_do_next(verdict, best):
    lines = replace(best, verdict=verdict).explain().splitlines()
    assert lines[0].startswith("At most ")
    assert lines[1].startswith(verdict.name)
    assert len(lines[-1]) > 20


def test_a_notebook_shows_verdict_and_bracket(poor, best):
    for result, brackets in ((poor, 2), (best, 1)):  # of any size, and of as many components
        page = Page(result._repr_html_())
        assert page.open == []
        assert result.verdict.name in page.said
        assert [tag for tag, _ in page.tags].count("svg") == brackets
    assert f"better factors {at_most(poor.better_upper, 7)}" in poor._repr_html_()
    assert f"reach at most {at_most(poor.better_upper)}." in poor.explain()
    lost = replace(best, certificate=None, lower=-np.inf)
    assert "<svg" not in lost._repr_html_()
    assert lost.epsilon == 0.0


def test_epsilon_is_the_statements_own():
    result = check(PROBLEM, POOR, rtol=0.0, atol=10.0)
    assert (result.epsilon, result.verdict) == (10.0, Verdict.CERTIFIED)
    assert check(PROBLEM, POOR, rtol=0.25).epsilon == pytest.approx(0.25 * result.upper)


def test_plot_draws_the_bracket(poor, tmp_path):
    axes = poor.plot(tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    heights = sorted(line.get_ydata()[0] for line in axes.get_lines()[1:])
    assert heights == [poor.lower, poor.better_upper, poor.upper]
    assert replace(poor, lower=-np.inf).plot().get_lines()[-1].get_label() == "better factors"
    assert axes.get_title() == poor.verdict.name


def test_a_certificate_says_in_a_line_what_it_claims(poor):
    told = poor.certificate.summary()
    assert "\n" not in told
    for part in ("rank_one of size 1", "squared loss", "2x2 data", "lam 0.5", "0 offsets"):
        assert part in told
    assert told.startswith(f"claims {poor.verdict.name} ({poor.tier})")
    for name in ("w_tensor", "network_line", "huber", "both_means"):
        held = next(iter(problems.load(name).values()))
        found = check(held.problem, held.factors, q=held.q, budget=1.0).certificate.summary()
        assert f"{len(held.problem.offsets)} offsets" in found


def test_the_adapter_is_found_by_the_models_class():
    decomposition = pytest.importorskip("sklearn.decomposition")
    X = np.random.default_rng(0).random((12, 6))
    pca = decomposition.PCA(2, svd_solver="full").fit(X)
    problem, factors = from_model(pca, X)
    assert check(problem, factors, q=factors.q).verdict is Verdict.CERTIFIED

    class Own(decomposition.PCA):
        """A user's subclass is of the library of its base: its adapter refuses it by name."""

    with pytest.raises(Exception, match="Own"):
        from_model(Own(2, svd_solver="full").fit(X), X)


SAME_NAME = [  # classes of a user's files that are named like modules beside the adapters
    type("Model", (), {"__module__": name})()
    for name in ("score", "files", "arrays", "models.onnx")
]


@pytest.mark.parametrize("model", [3, "net.h5", np.eye(2), {"U": Y}, *SAME_NAME])
def test_models_of_no_known_library_are_refused_in_a_sentence(model):
    with pytest.raises(InputError, match=r"model must be of scikit-learn|model's file must be"):
        from_model(model, Y)


def test_a_class_for_a_model_is_named():
    kind = pytest.importorskip("sklearn.decomposition").PCA
    with pytest.raises(InputError, match="model must be a fitted one, got the class PCA"):
        from_model(kind, Y)


def test_a_state_dict_is_a_network_which_needs_its_targets():
    state = {"0.weight": np.ones((3, 2)), "2.weight": np.ones((1, 3))}
    X = np.arange(8.0).reshape(4, 2)
    problem, factors = from_model(state, X, X[:, :1], weight_decay=0.5)
    assert (problem.atom.kind, factors[0].shape) == ("relu", (2, 3))
    for model in (state, "net.safetensors", "net.onnx"):
        with pytest.raises(InputError, match="y must be given for a network: the targets"):
            from_model(model, X, weight_decay=0.5)


def test_a_pipeline_is_read_at_its_last_step():
    pipeline = pytest.importorskip("sklearn.pipeline")
    whole = pipeline.make_pipeline(pytest.importorskip("sklearn.decomposition").PCA(1))
    X = np.arange(9.0).reshape(3, 3) ** 2
    _, factors = from_model(whole.fit(X), X)
    _, alone = from_model(whole[-1], X)
    assert all(np.array_equal(a, b) for a, b in zip(factors, alone, strict=True))


def test_the_score_is_zero_at_an_optimum_and_falls_with_the_gap():
    decomposition = pytest.importorskip("sklearn.decomposition")
    selection = pytest.importorskip("sklearn.model_selection")
    X = np.random.default_rng(0).random((12, 6))
    pca = decomposition.PCA(2, svd_solver="full").fit(X)
    assert -1e-12 < score(pca, X) <= 0.0
    rows = np.arange(len(X))
    grid = selection.GridSearchCV(
        decomposition.TruncatedSVD(2, n_oversamples=1, random_state=0),
        {"n_iter": [0, 30]},
        scoring=score,
        cv=[(rows, rows)],
    )
    grid.fit(X)
    early, late = grid.cv_results_["mean_test_score"]
    assert early < -1e-4
    assert -1e-9 < late <= 0.0
    assert grid.best_params_ == {"n_iter": 30}


@pytest.mark.parametrize("name", ["PCA", "TruncatedSVD", "NMF", "SparsePCA"])
def test_other_rows_are_scored_by_their_own_best_components(name):
    decomposition = pytest.importorskip("sklearn.decomposition")
    selection = pytest.importorskip("sklearn.model_selection")
    X = np.random.default_rng(1).random((24, 5)) @ np.random.default_rng(2).random((5, 6))
    more = {"NMF": {"max_iter": 2000, "tol": 1e-8}, "SparsePCA": {"alpha": 0.5}}.get(name, {})
    model = getattr(decomposition, name)(2, random_state=0, **more)
    scores = selection.cross_val_score(model, X, scoring=score, cv=3, error_score="raise")
    assert len(scores) == 3
    assert all(-1 <= s < 0 for s in scores)
    model.fit(X)
    assert min(scores) < score(model, X)  # these rows are fitted
    own = X[:8]
    if name == "PCA":
        values = [np.linalg.svd(M - M.mean(0), full_matrices=False)[1] for M in (own,)]
        left = own - model.mean_
        left -= left @ model.components_.T @ model.components_
        best = np.square(values[0][2:]).sum()
        assert score(model, own) == pytest.approx(best / np.square(left).sum() - 1, abs=1e-6)


def test_plain_factorizations_are_searched_over_without_nan():
    decomposition = pytest.importorskip("sklearn.decomposition")
    selection = pytest.importorskip("sklearn.model_selection")
    X = np.random.default_rng(1).random((18, 6))
    rows = np.arange(len(X))
    model = decomposition.NMF(2, init="random", max_iter=2000, tol=1e-9)
    for split in ([(rows, rows)], 2):
        grid = selection.GridSearchCV(model, {"random_state": [0, 1]}, scoring=score, cv=split)
        found = grid.fit(X).cv_results_["mean_test_score"]
        assert np.isfinite(found).all()
        assert (found <= 0).all()


def test_what_keeps_no_components_is_refused_on_other_rows():
    network = pytest.importorskip("sklearn.neural_network")
    X = np.random.default_rng(1).random((18, 3))
    settings = {"solver": "lbfgs", "max_iter": 500, "random_state": 0}
    model = network.MLPRegressor(hidden_layer_sizes=(2,), **settings)
    model.fit(X, X.sum(axis=1))
    with pytest.raises(InputError, match="MLPRegressor"):
        score(model, X + 1, X.sum(axis=1) + 1)


def test_a_model_of_which_nothing_is_proved_has_no_score(monkeypatch):
    held = Read((np.ones((2, 1)),) * 3)
    problem = Problem(
        Absolute(np.ones((2, 2, 2)), mask=np.eye(2)[:, None] * np.ones((2, 2, 2)) > 0), CP(), 0.0
    )
    monkeypatch.setattr("certify.adapters.score.from_model", lambda *_: (problem, held))
    with pytest.raises(OutOfScopeError, match=r"nothing is proved about this model: lam = 0"):
        score(None, Y)


class Read(tuple):
    """Factors with offsets, as adapters return them."""

    __slots__ = ()

    q = None


def test_a_notebook_has_no_picture_of_what_nothing_proves(poor):
    assert "The optimum over any size lies in the shaded part" in poor._repr_html_()
    bare = replace(poor, certificate=None, tier="floats")
    assert "<svg" not in bare._repr_html_()


def test_what_is_called_better_is_proved():
    problem = Problem(Squared(Y), RankOne("l2+", "l2+"), 0.5)
    result = check(problem, POOR, budget=5.0)
    assert result.better is not None
    exact = exact_objective(problem, result.better, ())[0]
    assert exact <= Fraction(result.better_upper) < Fraction(result.upper)
    assert check(problem, (np.zeros((2, 0)),) * 2, rtol=10.0).better_upper is None
