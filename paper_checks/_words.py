"""Greek letters for plain text, and what the paper leaves open."""

import re
from fractions import Fraction

LETTERS = (
    (r"\bdOmega\b", "∂Ω"), (r"<=>", "⟺"), (r"\+-", "±"),
    (r"\bOmega\*", "Ω°"), (r"\bOmega\b", "Ω"), (r"\bphi\b", "φ"), (r"\btheta\b", "θ"),
    (r"\blam\b", "λ"), (r"\bbeta\b", "β"), (r"\bbeta_", "β_"), (r"\bpi\b", "π"),
    (r"\bgrad loss\b", "∇ℓ"), (r"\bsum_(?=[a-z]\b)", "Σ_"), (r"\bprod_(?=[a-z]\b)", "Π_"),
    (r"\bsum (?=[φθβ|c])", "Σ "), (r"\bsqrt\(", "√("), (r"=>", "⟹"), (r"<=", "≤"), (r">=", "≥"),
    (r"==", "="), (r"!=", "≠"),
    (r"\^2\b", "²"), (r"\^3\b", "³"), (r"\^4\b", "⁴"), (r"\^T\b", "ᵀ"), (r"\^r\b", "ʳ"),
    (r"(?<=\w) x (?=\d)", " × "), (r" o (?=x|\.)", " ∘ "), (r"\be1\b", "e₁"), (r"\be2\b", "e₂"),
    (r"(?<=[ (])-(?=[\dλd∇])", "−"),
)  # fmt: skip
INTRODUCTION = (
    "The paper is B. D. Haeffele and R. Vidal, Global Optimality in Tensor Factorization, Deep "
    "Learning, and Beyond (2015). The statements are our reconstruction. They have names here, not "
    "numbers, because we did not have the text of the paper. Each is tested on instances, where "
    "the two sides of every relation are computed in different ways. For each hypothesis, a "
    "counterexample that satisfies all the others shows that it is needed."
)
LETTERS_USED = (
    "f_r(X, Q) = loss(Y, sum phi(X_i), Q) + lam sum theta(X_i) + H(Q) over r slices X_i and offset "
    "variables Q, H convex; most instances have no Q; phi and theta are positively homogeneous of "
    "one degree p > 0; Omega(Z) is the least sum theta(X_i) over all slices with sum phi(X_i) = Z; "
    "F(Z, Q) = loss(Y, Z, Q) + lam Omega(Z) + H(Q); the polar is Omega*(W) = sup <W, phi(x)> over "
    "theta(x) <= 1; d(W) = inf loss(Y, Z, Q) + H(Q) + <W, Z> over Z and Q."
)
OPEN = {
    "Attainment and positivity": (
        "Homogeneity is not enough for Omega(Z) to be attained, and positive for Z other than 0. "
        "This needs theta >= c |phi| for some c > 0, and a compact set of phi where theta <= 1. A "
        "counterexample without them has Omega(e1) = 0 and no minimizer. The zero-slice argument "
        "uses neither."
    ),
    "Local descent need not reach a local minimum": (
        "The statements are about local minima of f_r. A descent method stops where first-order "
        "progress ends: at a stationary point, which may be a saddle, or never in finite time. "
        "The meta-algorithm assumes that descent ends at a local minimum."
    ),
    "First order against local": (
        "A zero slice at a stationary point proves nothing: the origin of a matrix factorization "
        "is stationary for any data. The first-order condition that can be checked is that of the "
        "polar, Omega*(W) <= lam. It is a condition on all atoms, and often hard to compute."
    ),
    "How large r must be": (
        "For r > card(D), the dimension of the output, a non-increasing path to a global minimum "
        "is constructed. For r = card(D) there is a counterexample with one number and one slice. "
        "A descent method need not take this path."
    ),
}
FAIR = (
    "These are gaps in our reconstruction of the argument. We have not confirmed against the "
    "paper's text that it leaves them open; it may close them, or state its hypotheses so that "
    "they do not arise."
)


def pretty(text: str) -> str:
    """Return the text with Greek letters and signs for their names."""
    for name, letter in LETTERS:
        text = re.sub(name, letter, text)
    return text


def short(number: Fraction) -> str:
    """Return a fraction, or six digits of a long one."""
    exact = str(number)
    return exact if len(exact) <= 12 else f"{float(number):.6g}…"
