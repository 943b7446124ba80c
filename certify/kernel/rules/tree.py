"""Trees of cases: the walk that all rules share; it meets each node once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, TypeVar

from ..arithmetic import Arithmetic, H
from ..budget import PATH, Budget
from ..errors import demand
from ..fields import Json, as_list, as_object, index

S = TypeVar("S")
Split = Callable[[Json, S, str], Sequence[S]]
Signed = tuple[tuple[int, int], ...]  # (split, 1 or -1) on the path from the root
ROOT: Signed = ()
LISTED = {
    "groups": "each",
    "signs": "signs",
    "above": "next",
    "range": "next",
}  # fields of children, by kind
SIDES = "plus", "minus"  # the fields of the two children of any other kind
NODES = "proof.polar.nodes"


@dataclass(frozen=True)
class End(Generic[S]):
    """A kind of leaf: the least work that one takes, and the function that bounds it."""

    work: int
    bound: Callable[[S, Json], Fraction]


def largest(
    ar: Arithmetic[H],
    proof: Json,
    splits: Mapping[str, Split[S]],
    start: S,
    ends: Mapping[str, End[S]],
) -> Fraction:
    """Return the largest bound of the ends of a tree of cases, or 0: a bound of the supremum."""
    reached, best = [*walk(ar.budget, proof, splits, start, [*ends])], Fraction(0)
    parts = {kind: [(state, node) for node, state in reached if kind in node] for kind in ends}
    for kind, end in ends.items():
        ar.budget.afford(len(parts[kind]) * end.work, "the leaves of a tree")
    for kind, end in ends.items():
        best = max([best, *ar.bounds(end.bound, parts[kind])])
    return best


def walk(
    budget: Budget,
    proof: Json,
    splits: Mapping[str, Split[S]],
    start: S,
    ends: Sequence[str] = ("leaf",),
) -> Iterator[tuple[Json, S]]:
    """Yield each end of a tree of cases with its state, the conditions that hold there.

    For a node {kind: ..., "plus": i, "minus": j}, or with a list of children,
    splits[kind](node, state, where) returns the state of each child; the children together cover
    the node.  A child comes after its parent and has one parent; every node but the first is a
    child.  So, by induction from the last node to the first, the ends below a node cover it.
    """
    nodes, states = as_list(proof.get("nodes", []), NODES), {0: (start, 0)}
    demand(bool(nodes), NODES, "list", "no node")
    for at, fields in enumerate(nodes):
        where = f"{NODES}[{at}]"
        node = as_object(fields, where)
        kinds = [k for k in (*splits, *ends) if k in node]
        demand(len(kinds) == 1, where, "tree", kinds)
        demand(at in states, where, "tree", "no parent")
        state, depth = states.pop(at)
        if kinds[0] in ends:
            yield node, state
            continue
        names = LISTED.get(kinds[0])
        children = as_list(node.get(names), where) if names else [node.get(k) for k in SIDES]
        budget.spend(PATH * (depth + 1) * len(children), "the paths of a tree")
        parts = splits[kinds[0]](node, state, where)
        demand(len(children) == len(parts), where, "tree", children)
        for child, part in zip(children, parts, strict=True):
            later = type(child) is int and at < child < len(nodes) and child not in states
            demand(later, where, "tree", children)
            states[child] = part, depth + 1


def signed_splits(count: int) -> Mapping[str, Split[Signed]]:
    """Return the kind "split": {"split": s, ...}, s one of `count`, adds (s, 1) or (s, -1)."""

    def sides(node: Json, path: Signed, where: str) -> list[Signed]:
        """Return both sides of a split."""
        s = index(node["split"], count, where)
        return [(*path, (s, sign)) for sign in (1, -1)]

    return {"split": sides}
