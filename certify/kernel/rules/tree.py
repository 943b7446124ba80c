"""Trees of cases: what a node is, and a walk that meets each node once."""

from collections.abc import Iterator, Sequence
from typing import Any

from ..arithmetic import Arithmetic
from ..budget import PATH, Budget
from ..errors import demand
from ..fields import Json


def parts_of(nodes: object, kind: str = "leaf") -> int:
    """Return how many nodes are of a kind; 0 for what is no list of nodes."""
    listed = nodes if isinstance(nodes, list) else []
    return sum(isinstance(node, dict) and kind in node for node in listed)


def paths_of(nodes: Sequence[object]) -> int:
    """Return the sum of the nodes' depths; a child comes after its parent."""
    depths = [0] * len(nodes)
    for at, node in enumerate(nodes):
        held = node if isinstance(node, dict) else {}
        found = [held.get("plus"), held.get("minus")]
        for name in ("each", "signs"):
            found += held[name] if isinstance(held.get(name), list) else []
        for c in found:
            if type(c) is int and at < c < len(nodes):
                depths[c] = max(depths[c], depths[at] + 1)
    return sum(depths)


def node_of(
    nodes: list[Any], at: int, known: Sequence[str] = ("cut", "equal", "groups", "leaf")
) -> Json:
    """Return a node of the tree, of exactly one of the known kinds."""
    node = nodes[at]
    demand(isinstance(node, dict), f"proof.polar.nodes[{at}]", "json", type(node).__name__)
    kinds = [k for k in known if k in node]
    demand(len(kinds) == 1, f"proof.polar.nodes[{at}]", "tree", kinds)
    return dict(node)


def children(node: Json, at: int, count: int) -> list[int]:
    """Return the children: later nodes, each once, so that no walk returns."""
    found = node.get("each") if "groups" in node else [node.get("plus"), node.get("minus")]
    held = found if isinstance(found, list) else []
    good = bool(held) and all(type(c) is int and at < c < count for c in held)
    demand(good and len(set(held)) == len(held), f"proof.polar.nodes[{at}]", "tree", found)
    return held


def leaves(
    proof: Json, splits: int, budget: Budget = Arithmetic.budget
) -> Iterator[tuple[Json, tuple[tuple[int, int], ...]]]:
    """Yield each leaf with the (split, sign) on its way from the root; the walk ends.

    A child comes after its parent and has one parent; every node is met.
    """
    nodes = proof.get("nodes", [])
    demand(isinstance(nodes, list), "proof.polar.nodes", "list", type(nodes).__name__)
    demand(bool(nodes), "proof.polar.nodes", "list", "no node")
    budget.spend(PATH * paths_of(nodes), "the paths of a tree")
    waiting: list[tuple[int, tuple[tuple[int, int], ...]]] = [(0, ())]
    seen = set[int]()
    while waiting:
        at, path = waiting.pop()
        where = f"proof.polar.nodes[{at}]"
        demand(at not in seen, where, "tree", "two parents")
        seen.add(at)
        node = node_of(nodes, at, ("split", "leaf"))
        if "leaf" in node:
            yield node, path
            continue
        s = node.get("split")
        demand(type(s) is int and 0 <= s < splits, where, "outside", s)
        found = children({k: node.get(k) for k in ("plus", "minus")}, at, len(nodes))
        demand(len(found) == 2, where, "tree", found)
        waiting += [
            (child, (*path, (int(s or 0), sign)))
            for child, sign in zip(found, (1, -1), strict=True)
        ]
    met = f"{len(seen)} of {len(nodes)} nodes met"
    demand(len(seen) == len(nodes), "proof.polar.nodes", "tree", met)
