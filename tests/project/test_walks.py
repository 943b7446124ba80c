"""Six users from their own files or fits to a useful answer: each within five minutes.

The minutes are of a processor: what else runs beside them is not counted.
"""

import os
import sys
import time
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import NMF

from certify import check, from_model, verify
from certify.adapters.files import load
from tests.adapters.test_pytest_plugin import PLUGIN
from tests.question_files import inside

pytestmark = pytest.mark.slow
pytest_plugins = ["pytester"]
LIMIT = 300.0  # seconds


def processor():
    """Return the seconds that this process and those it started have had a processor."""
    return sum(os.times()[:4])


@pytest.fixture(autouse=True)
def timed(request, capsys):
    """Hold a walk to its limit, and print its time."""
    start, begun = processor(), time.monotonic()
    yield
    spent, waited = processor() - start, time.monotonic() - begun
    told = f"{request.node.name}: {spent:.1f} s of a processor, {waited:.1f} s in all"
    with capsys.disabled():
        print(f"\n{told}", file=sys.stderr)  # noqa: T201  the figure
    assert spent < LIMIT


def test_nmf_after_fit(tmp_path):
    X = load_digits().data / 16
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = NMF(16, alpha_W=0.08, random_state=0, max_iter=1000).fit(X)
    problem, factors = from_model(model, X)
    result = check(problem, factors, q=factors.q, rtol=factors.rtol)
    assert "above the optimum (proved)" in result.distance
    assert result.relative_gap < 0.2
    result.certificate.save(tmp_path / "nmf.cert")
    again = verify(tmp_path / "nmf.cert", problem, factors, rtol=factors.rtol)
    assert again.verdict is result.verdict
    if result.better is not None:
        better = from_model(result.better_model(model), X)
        assert better[0].objective(tuple(better[1])) < result.upper


def test_ratings_with_biases(tmp_path, monkeypatch, capsys):
    from tests.adapters import test_ratings_lists as ratings  # noqa: PLC0415  fitted when imported

    monkeypatch.chdir(tmp_path)
    ratings.written(tmp_path / "r.csv", range(1, ratings.M + 1), range(1, ratings.N + 1))
    np.savez("m.npz", P=ratings.P, Q=ratings.Q, bu=ratings.BU, bi=ratings.BI, mean=ratings.MEAN)
    assert inside(capsys, "init", "r.csv", "m.npz").status == 0
    ended = inside(capsys, "check", "problem.toml", "-o", "r.cert", "--json")
    assert "above the optimum (proved)" in ended.json["distance"]
    assert inside(capsys, "explain", "r.cert").out.startswith("Distance: at most")


def test_a_cp_tensor_with_gaps():
    tl = pytest.importorskip("tensorly")
    rng = np.random.default_rng(0)
    parts = [rng.random((n, 2)) for n in (8, 7, 6)]
    T = np.einsum("ir,jr,kr->ijk", *parts) + 0.01 * rng.standard_normal((8, 7, 6))
    seen = rng.random(T.shape) < 0.9
    cp = tl.decomposition.parafac(
        tl.tensor(np.where(seen, T, 0)), 2, mask=seen, normalize_factors=True, random_state=0
    )
    problem, factors = from_model(cp, T, mask=seen, rejudge=0.1)
    result = check(problem, factors)
    assert problem.objective(cp) == pytest.approx(problem.objective(factors), rel=1e-12)
    assert "above the optimum (proved)" in result.distance
    assert result.better is not None or result.certified


def test_a_network_of_pytorch():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    x = torch.linspace(-2, 2, 12)[:, None]
    y = torch.abs(x) - 0.5 * torch.relu(x - 1)
    net = torch.nn.Sequential(torch.nn.Linear(1, 6), torch.nn.ReLU(), torch.nn.Linear(6, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, weight_decay=0.05)
    log = []
    for _ in range(3000):
        optimizer.zero_grad()
        loss = torch.nn.MSELoss()(net(x), y)
        loss.backward()
        optimizer.step()
        log.append(loss.item())
    problem, factors = from_model(net, x, y, optimizer=optimizer, reported=log)
    result = check(problem, factors, q=factors.q, rtol=1e-3)
    assert "above the optimum (proved)" in result.distance
    assert result.relative_gap < 0.2


def test_a_folder_of_arrays_from_a_paper(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    X = rng.random((40, 3)) @ rng.random((3, 15)) + 0.1 * rng.random((40, 15))
    model = NMF(3, alpha_W=0.01, alpha_H=0.01, tol=1e-9, max_iter=5000, random_state=0)
    W = model.fit_transform(X)
    for name, a in (("X", X), ("W", W), ("H", model.components_)):
        np.save(f"{name}.npy", a)
    ended = inside(capsys, "init", "X.npy", "W.npy", "H.npy")
    assert "the factors are stationary there" in ended.out
    held = load(tmp_path / "problem.toml")
    assert held.problem.lam > 0
    ended = inside(capsys, "check", "problem.toml", "--rtol", "1e-3", "-o", "x.cert")
    assert ended.out.startswith("at most ")
    assert ended.status in (0, 10, 12, 14)
    assert inside(capsys, "report", "x.cert").status == ended.status


def test_a_model_under_pytest(pytester):
    pytester.makepyfile(
        test_model="""
        import numpy as np
        from sklearn.decomposition import PCA
        from certify import from_model

        def test_pca(certified):
            X = np.random.default_rng(0).standard_normal((30, 6))
            problem, factors = from_model(PCA(2).fit(X), X)
            certified(problem, factors, q=factors.q, refit=True)
        """
    )
    for extra in (["--certify-update"], []):
        ended = pytester.runpytest_subprocess("-p", "no:cacheprovider", *PLUGIN, *extra)
        ended.assert_outcomes(passed=1)
