"""Recommender packages and pandas themselves, where they are installed: see CONTRIBUTING.md."""

import numpy as np
import pytest
from scipy import sparse

from certify import check
from certify.adapters.arrays import cornac_mf, implicit_als, surprise_svd, triplets

PIP = {"surprise": "scikit-surprise"}  # where it is installed by another name
M, N, REG = 12, 9, 0.25
rng = np.random.default_rng(0)
SEEN = rng.random((M, N)) < 0.6
SEEN[np.arange(M), np.arange(M) % N] = True
ROWS, COLS = np.nonzero(SEEN)
STARS = rng.integers(1, 6, len(ROWS)).astype(float)


def package(name):
    """Import a package, or skip and say what would install it."""
    return pytest.importorskip(
        name, reason=f"{name} is not here: pip install {PIP.get(name, name)}"
    )


def paid(per_rating, *sizes):
    """Return half of REG times what the penalized sums of squares of each rating's rows are."""
    return (
        0.5 * REG * sum(float(np.sum(s[at] ** 2)) for s, at in zip(sizes, per_rating, strict=True))
    )


def test_svd_of_surprise_is_read_and_nearly_stationary(tmp_path):
    surprise = package("surprise")
    lines = [f"{u} {i} {x}" for u, i, x in zip(ROWS, COLS, STARS, strict=True)]
    (tmp_path / "ratings").write_text("\n".join(lines), encoding="utf-8")
    reader = surprise.Reader(line_format="user item rating")
    data = surprise.Dataset.load_from_file(str(tmp_path / "ratings"), reader)
    trainset = data.build_full_trainset()
    model = surprise.SVD(n_factors=2, n_epochs=4000, lr_all=0.002, reg_all=REG, random_state=0)
    model.fit(trainset)
    users, items, stars = map(np.array, zip(*trainset.all_ratings(), strict=True))
    problem, factors = surprise_svd(
        (model.pu, model.qi),
        (users, items, stars),
        REG,
        (model.bu, model.bi),
        trainset.global_mean,
    )
    told = [model.estimate(u, i) for u, i in zip(users, items, strict=True)]
    whole = 0.5 * float(np.sum((stars - told) ** 2))
    whole += paid((users, items, users, items), model.pu, model.qi, model.bu, model.bi)
    assert problem.objective(factors, factors.q) == pytest.approx(whole, rel=1e-9)
    assert check(problem, factors, q=factors.q, budget=2.0).stationarity < 0.02


def test_als_of_implicit_is_read_and_stationary():
    als = package("implicit").als
    counts = sparse.csr_matrix((STARS, (ROWS, COLS)), shape=(M, N))
    model = als.AlternatingLeastSquares(
        factors=2,
        regularization=REG,
        alpha=2.0,
        iterations=500,
        use_cg=False,
        use_gpu=False,
        dtype=np.float64,
        random_state=0,
    )
    model.fit(counts, show_progress=False)
    problem, factors = implicit_als((model.user_factors, model.item_factors), counts, REG, 2.0)
    assert check(problem, factors, budget=2.0).stationarity < 1e-6
    args = (2.0 * counts.astype(np.float64), model.user_factors, model.item_factors, REG)
    reported = package("implicit.cpu.als").calculate_loss(
        *args, num_threads=1
    )  # the loss that its progress bar shows
    mine = problem.objective(tuple(factors))
    assert factors.units.name == "calculate_loss"
    assert factors.multiple * reported + factors.constant == pytest.approx(mine, rel=1e-6)
    other, _ = implicit_als((model.user_factors, model.item_factors), counts, 2 * REG, 2.0)
    assert check(other, factors, budget=2.0).stationarity > 0.1


def test_mf_of_cornac_is_read_and_nearly_stationary():
    cornac = package("cornac")
    ratings = [(str(u), str(i), x) for u, i, x in zip(ROWS, COLS, STARS, strict=True)]
    data = cornac.data.Dataset.from_uir(ratings)
    model = cornac.models.MF(
        k=2,
        max_iter=4000,
        learning_rate=0.002,
        lambda_reg=REG,
        backend="cpu",
        num_threads=1,
        seed=0,
    )
    model.fit(data)
    biases = model.u_biases, model.i_biases
    problem, factors = cornac_mf(
        (model.u_factors, model.i_factors), data.matrix, REG, biases, model.global_mean
    )
    assert check(problem, factors, q=factors.q, budget=2.0).stationarity < 0.02


def test_a_frame_of_pandas_is_read_by_the_names_of_its_columns(tmp_path):
    frames = package("pandas")
    columns = {"timestamp": ROWS + COLS, "rating": STARS, "movieId": COLS + 10, "userId": ROWS + 1}
    frame = frames.DataFrame(columns)
    frame.to_csv(tmp_path / "ratings.csv", index=False)
    held = [triplets(x) for x in (frame, tmp_path / "ratings.csv")]
    for one in held:
        found = one.matrix.tocoo()
        users, items = one.users[found.row].astype(int), one.items[found.col].astype(int)
        told = set(zip(users - 1, items - 10, found.data, strict=True))
        assert told == set(zip(ROWS, COLS, STARS, strict=True))
    shuffled = frame.sample(frac=1, random_state=0).astype({"userId": str})
    assert triplets(shuffled).matrix.shape == (M, N)
