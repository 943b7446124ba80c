"""Whether the kernel has a rule for each part of a problem."""

from collections.abc import Sequence

import numpy as np

from certify.atoms import ATOMS, Atom, Factors, atom_of
from certify.kernel.losses import LOSSES as KERNEL_LOSSES
from certify.kernel.offsets import OFFSETS as KERNEL_OFFSETS
from certify.losses import LOSSES, Loss
from certify.offsets import OFFSETS, Offset
from certify.polar.proved import unknown_norms
from certify.problem import Problem

OURS = tuple(ATOMS.values())  # final classes: they compute what they state
PROBES = (0.5, -1.5, -1.0, -3.5)  # lower ends of entries, of one sign and of both
PROBE = 1e-9  # relative rounding of one number computed in two ways; it only refuses


def missing_rules(problem: Problem) -> list[str]:
    """Return the names of the parts for which the kernel has no rule."""
    known = problem.atom.statement() and not is_misstated(problem)
    unknown = unknown_norms(problem.atom.gauges)
    names = [] if known else unknown or [type(problem.atom).__name__]
    names += [] if states_loss(problem.loss) else [type(problem.loss).__name__]
    return names + [type(o).__name__ for o in problem.offsets if not states_offset(o)]


def states_loss(loss: Loss) -> bool:
    """Whether a loss is ours, and its statement one of the kernel's."""
    statement = loss.statement()
    kind = statement if isinstance(statement, str) else statement["kind"]
    return isinstance(loss, tuple(LOSSES.values())) and kind in KERNEL_LOSSES


def states_offset(offset: Offset) -> bool:
    """Whether an offset is ours, and its statement one of the kernel's."""
    return isinstance(offset, tuple(OFFSETS.values())) and offset.kind in KERNEL_OFFSETS


def is_misstated(problem: Problem) -> bool:
    """Whether the caller's own atom computes something else than it states.

    The kernel answers the stated question.  A probe at random components cannot show that both are
    the same, but finds those that differ.  An atom that states arrays of its own (a network's
    features) counts as misstated without a probe.
    """
    atom, statement = problem.atom, problem.atom.statement()
    if isinstance(atom, OURS):
        return False
    try:
        twin = atom_of(statement, {})
    except (AttributeError, LookupError, TypeError, ValueError):
        return True
    shapes = tuple(atom.shapes(problem.loss.dims))
    if twin.statement() != statement or tuple(twin.shapes(problem.loss.dims)) != shapes:
        return True
    rng = np.random.default_rng(0)
    return any(differs(atom, twin, probe(rng, shapes, low)) for low in PROBES)


def probe(rng: np.random.Generator, shapes: Sequence[tuple[int, ...]], low: float) -> Factors:
    """Return one component with entries from [low, low + 3]."""
    return tuple(rng.uniform(low, low + 3.0, (*s, 1)) for s in shapes)


def differs(atom: Atom, twin: Atom, x: Factors) -> bool:
    """Whether two atoms differ at a component: in theta, in phi, or in the signs they allow."""
    if bool(atom.wrong_sign(x)) != bool(twin.wrong_sign(x)):
        return True
    ours, theirs = ((a.theta(x), a.phi(tuple(p[..., 0] for p in x))) for a in (atom, twin))
    if any(np.shape(a) != np.shape(b) for a, b in zip(ours, theirs, strict=True)):
        return True
    return any((np.abs(a - b) > PROBE * np.abs(b)).any() for a, b in zip(ours, theirs, strict=True))
