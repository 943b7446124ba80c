"""Trees of cases: the walk that all rules share; it meets each node once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Generic, NamedTuple, TypeVar

from ..arithmetic import Arithmetic, H
from ..budget import PATH
from ..errors import demand
from ..fields import Json, as_list, as_object, index

S = TypeVar("S")
Split = Callable[[Json, S, str], Sequence[S]]
Signed = tuple[tuple[int, int], ...]  # (split, 1 or -1) on the path from the root
ROOT: Signed = ()
LISTED = {"groups": "each", "signs": "signs"}  # the fields that list children, by kind


class End(NamedTuple, Generic[S]):
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
    nodes, best = nodes_of(proof), Fraction(0)
    for kind, end in ends.items():
        ar.budget.afford(parts_of(nodes, kind) * end.work, "the leaves of a tree")
    ar.budget.spend(PATH * paths_of(nodes), "the paths of a tree")
    reached = list(walk(nodes, splits, start, [*ends]))
    for kind, end in ends.items():
        here = [(state, node) for node, state in reached if kind in node]
        best = max([best, *ar.bounds(end.bound, here)])
    return best


def parts_of(nodes: object, kind: str = "leaf") -> int:
    """Return the number of nodes of a kind; 0 if it is not a list of nodes."""
    listed = nodes if isinstance(nodes, list) else []
    return sum(isinstance(node, dict) and kind in node for node in listed)


def paths_of(nodes: Sequence[object]) -> int:
    """Return the sum of the nodes' depths; a child comes after its parent."""
    depths = [0] * len(nodes)
    for at, node in enumerate(nodes):
        fields = node if isinstance(node, dict) else {}
        indices = [fields.get("plus"), fields.get("minus")]
        for name in LISTED.values():
            indices += fields[name] if isinstance(fields.get(name), list) else []
        for c in indices:
            if type(c) is int and at < c < len(nodes):
                depths[c] = max(depths[c], depths[at] + 1)
    return sum(depths)


def nodes_of(proof: Json) -> list[Any]:
    """Return the nodes of a proof's tree: at least one."""
    nodes = as_list(proof.get("nodes", []), "proof.polar.nodes")
    demand(bool(nodes), "proof.polar.nodes", "list", "no node")
    return nodes


def walk(
    nodes: list[Any], splits: Mapping[str, Split[S]], start: S, ends: Sequence[str] = ("leaf",)
) -> Iterator[tuple[Json, S]]:
    """Yield each end of a tree of cases with its state, the conditions that hold there.

    For a node {kind: ..., "plus": i, "minus": j}, or with a list of children,
    splits[kind](node, state, where) returns the state of each child; the children together cover
    the node.  A child comes after its parent and has one parent; every node must be met.
    """
    waiting, seen = [(0, start)], set[int]()
    while waiting:
        at, state = waiting.pop()
        where = f"proof.polar.nodes[{at}]"
        demand(at not in seen, where, "tree", "two parents")
        seen.add(at)
        node = as_object(nodes[at], where)
        kinds = [k for k in (*splits, *ends) if k in node]
        demand(len(kinds) == 1, where, "tree", kinds)
        if kinds[0] in ends:
            yield node, state
            continue
        parts = splits[kinds[0]](node, state, where)
        indices = children(node, at, len(nodes))
        demand(len(indices) == len(parts), where, "tree", indices)
        waiting += zip(indices, parts, strict=True)
    met = f"{len(seen)} of {len(nodes)} nodes met"
    demand(len(seen) == len(nodes), "proof.polar.nodes", "tree", met)


def children(node: Json, at: int, count: int) -> list[int]:
    """Return the children of a node: different, later nodes, so that the walk ends."""
    listed = next((name for kind, name in LISTED.items() if kind in node), None)
    value = node.get(listed) if listed else [node.get("plus"), node.get("minus")]
    indices = value if isinstance(value, list) else []
    good = bool(indices) and all(type(c) is int and at < c < count for c in indices)
    demand(good and len(set(indices)) == len(indices), f"proof.polar.nodes[{at}]", "tree", value)
    return indices


def signed_splits(count: int) -> Mapping[str, Split[Signed]]:
    """Return the kind "split": {"split": s, ...}, s one of `count`, adds (s, 1) or (s, -1)."""

    def sides(node: Json, path: Signed, where: str) -> list[Signed]:
        """Return both sides of a split."""
        s = index(node["split"], count, where)
        return [(*path, (s, sign)) for sign in (1, -1)]

    return {"split": sides}
