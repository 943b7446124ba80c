"""What the README shows, runs."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.neural_network import MLPRegressor

from certify import __version__
from certify.adapters import files
from certify.adapters.sklearn import from_model
from certify.cli import main
from tests.network_models import fitted

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MODELS = (ROOT / "docs/howto/models.md").read_text(encoding="utf-8")
SCREEN = 75  # lines, without what is in tables


def blocks(language, text=README):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_readme_is_a_screen_and_tables():
    text = re.sub(r"<!-- (\w+) -->.*?<!-- /\1 -->", "", README, flags=re.DOTALL)
    assert len([x for x in text.splitlines() if x and not x.startswith("|")]) <= SCREEN


def test_links_of_the_readme_lead_somewhere():
    for target in re.findall(r"\]\(([^)#\s]+)", README):
        assert "://" in target or (ROOT / target).exists(), target


def test_python_blocks_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = blocks("python")
    assert len(shown) == 1
    names = {}
    for block in shown:
        exec(compile(block, "README.md", "exec"), names)  # noqa: S102  the document is the program
    assert (tmp_path / "x.cert").exists()
    assert names["result"].verdict.name == "CERTIFIED"


def test_the_network_file_is_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    told, x = blocks("toml", MODELS)[0], np.linspace(-2, 2, 12)[:, None]
    np.save("X.npy", x)
    np.save("y.npy", np.abs(x))
    state = {"0.weight": np.ones((2, 1)), "0.bias": np.ones(2), "2.weight": np.ones((1, 2))}
    save_file(state, "net.safetensors")
    Path("net.toml").write_text(told, encoding="utf-8")
    assert main(["check", "net.toml"]) == 2
    seen = float(np.square(2 * np.maximum(x + 1, 0) - np.abs(x)).mean())
    assert f"reports the loss 0.0123, but these weights on X and y give {seen:.6g}" in (
        capsys.readouterr().err
    )
    Path("net.toml").write_text(told.replace("0.0123", repr(seen)), encoding="utf-8")
    assert main(["check", "net.toml", "-o", "x.cert", "--rtol", "1e-2"]) in (10, 14)
    assert "in training" in capsys.readouterr().out


def test_the_file_of_a_scikit_learn_network_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mlp.toml").write_text(blocks("toml", MODELS)[1], encoding="utf-8")
    x = np.linspace(-2, 2, 12)[:, None]
    model = fitted(
        MLPRegressor(hidden_layer_sizes=(2,), alpha=20.0, solver="lbfgs"), x, np.abs(x[:, 0])
    )
    arrays = {"weight": model.coefs_, "bias": model.intercepts_}
    state = {f"{k}.{part}": a for part, held in arrays.items() for k, a in enumerate(held)}
    save_file(state, "mlp.safetensors")
    np.save("X.npy", x)
    np.save("y.npy", np.abs(x[:, 0]))
    held = files.load(Path("mlp.toml"))
    problem, factors = from_model(model, x, np.abs(x[:, 0]))
    asked, own = held.problem.objective(held.factors, held.q), problem.objective(factors, factors.q)
    assert asked == pytest.approx(own * held.problem.lam / problem.lam, rel=1e-12)
    assert held.problem.atom.bias == problem.atom.bias == "free"


def test_the_certificate_of_the_readme_is_rechecked_by_the_kernel_alone(tmp_path, monkeypatch):
    test_python_blocks_run_in_order(tmp_path, monkeypatch)
    command = [sys.executable, "-I", "-S", str(ROOT / "certify/kernel"), "x.cert"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:18]) == (0, "VERIFIED CERTIFIED")


def test_every_command_named_is_a_command(capsys):
    for name in sorted(set(re.findall(r"^    certify (\w+)", README, re.MULTILINE))):
        assert main([name, "--help"]) == 0
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


def test_demo_and_benchmarks_are_shown():
    demo = README.partition("<!-- demo -->")[2].partition("<!-- /demo -->")[0]
    models = ["soft-thresholded SVD", "TruncatedSVD", "PCA", "DictionaryLearning", "NMF"]
    assert [m for m in models if m not in demo] == []
    assert "benchmarks/scaling.png" in README


def test_continuous_integration_runs_the_test_command_of_the_readme():
    script = (ROOT / ".ci/fast").read_text(encoding="utf-8")
    pattern = re.search(r"'s/\^    \\\((.*?)\\\)\$/", script).group(1)
    found = [line.strip() for line in README.splitlines() if re.match(rf"    {pattern}$", line)]
    assert len(found) == 1
    assert "-m pytest" in found[0]
    assert script.index('eval "$command"') < script.index("coverage report")


def test_both_tiers_together_are_all_that_is_not_slow():
    script = (ROOT / ".ci/thorough").read_text(encoding="utf-8")
    assert re.findall(r'-m "([^"]+)"', README) == ["not slow and not thorough"]
    assert re.findall(r'-m "([^"]+)"', script) == ["thorough and not slow"]


def test_continuous_integration_lints():
    script = (ROOT / ".ci/lint").read_text(encoding="utf-8")
    for linter in ("ruff check .", "ruff format --check .", "mypy"):
        assert f"\nrun $python -m {linter}\n" in script


def test_continuous_integration_and_the_workflow_run_the_same_parts():
    parts = {p.name for p in (ROOT / ".ci").iterdir()} - {"run"}
    named = [
        set(re.findall(r"\.ci/([\w-]+)", re.sub("(?m)#.*", "", path.read_text("utf-8"))))
        for path in (ROOT / ".ci/run", ROOT / ".github/workflows/ci.yml")
    ]
    assert named == [parts, parts]


def test_the_workflow_tests_each_python_that_the_package_names():
    held = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["classifiers"]
    named = re.findall(r"Python :: (3\.\d+)", " ".join(held))
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    assert named == re.findall(r'"(3\.\d+)"', workflow)


def test_the_readme_counts_the_models_of_the_page():
    page = (ROOT / "docs/howto/what-to-expect.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| `", page.partition("<!-- fits -->")[2])
    counts = {int(n) for n in re.findall(r"(\d+) popular models", README + page)}
    assert counts == {len(rows)}
