"""The changes that are made to a function: comparisons, constants, terms, directions, guards."""

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
TERMS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
NAMES |= {"shifted": "raised", "raised": "shifted"}
ATTRIBUTES = {"lo": "hi", "hi": "lo", "floor": "ceil", "ceil": "floor"}
ATTRIBUTES |= {"minimum": "maximum", "maximum": "minimum", "los": "his", "his": "los"}
IDENTITIES = ("abs", "up", "coarse")  # calls that are replaced by their first argument
BODIES = ("body", "orelse", "finalbody", "handlers")
UNREAD = ("annotation", "returns", "args", "decorator_list", "type_comment")
Path = tuple[tuple[str, int | None], ...]


@dataclass(frozen=True)
class Change:
    """One change of a function: `path` leads to the node that `made` takes the place of.

    old, new  the statement before and after, without the statements inside it
    line      of the statement, in the file
    """

    operator: str
    path: Path
    made: ast.AST
    old: str
    new: str
    line: int
    nth: int = 1

    def applied(self, function: ast.stmt) -> ast.stmt:
        """Return a changed copy of the function."""
        return replaced(function, self.path, self.made)


def replaced(root: ast.AST, path: Path, made: ast.AST) -> ast.AST:
    """Return a copy of a tree with another node at the end of a path."""
    if not path:
        return made
    out, ((field, at), *rest) = copy.copy(root), path
    held = getattr(root, field)
    if at is None:
        setattr(out, field, replaced(held, tuple(rest), made))
    else:
        setattr(out, field, [*held[:at], replaced(held[at], tuple(rest), made), *held[at + 1 :]])
    return out


def changes(function: ast.FunctionDef) -> list[Change]:
    """Return every change of a function that the operators know, in order, each text once."""
    out: list[Change] = []
    count: Counter[tuple[str, str]] = Counter()
    for node, path, own in _nodes(function, (), ()):
        statement = _at(function, own)
        old = header(statement)
        for operator, made in variants(node):
            new = header(replaced(statement, path[len(own) :], made))
            count[old, new] += 1
            nth = count[old, new]
            out.append(Change(operator, path, made, old, new, statement.lineno, nth))
    return out


def _nodes(node: ast.AST, path: Path, own: Path) -> Iterator[tuple[ast.AST, Path, Path]]:
    """Yield the nodes that a function computes with, each with the path of its statement.

    No docstring, annotation or message is among them.
    """
    own = path if isinstance(node, ast.stmt) else own
    if path:
        yield node, path, own
    for field, value in ast.iter_fields(node):
        if field in UNREAD and not isinstance(node, ast.Call):
            continue
        for at, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST) and not _silent(node, field, at, child):
                yield from _nodes(child, (*path, (field, at)), own)


def _silent(parent: ast.AST, field: str, at: int | None, child: ast.AST) -> bool:
    """Whether a node is only words: docstrings, texts, and what a refusal says.

    So is the -1 of a shape, for which numpy takes any negative number.
    """
    if isinstance(child, ast.JoinedStr | ast.expr_context | ast.operator | ast.cmpop):
        return True
    if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
        return True
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute):
        return parent.func.attr == "reshape" and ast.unparse(child) == "-1"
    name = called(parent)
    if isinstance(parent, ast.keyword) and parent.arg == "strict":
        return True
    told = name == "demand" and (field != "args" or bool(at))
    return told or (name == "RejectedError" and field != "func")


def called(node: ast.AST) -> str:
    """Return the plain name that a call calls, or ''."""
    plain = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return node.func.id if plain else ""


def _at(root: ast.AST, path: Path) -> ast.AST:
    for field, at in path:
        held = getattr(root, field)
        root = held if at is None else held[at]
    return root


@cache
def header(node: ast.AST) -> str:
    """Return the text of a statement without the statements inside it."""
    bare = copy.copy(node)
    for field in BODIES:
        if isinstance(getattr(bare, field, None), list):
            setattr(bare, field, [ast.Pass()] if field == "body" else [])
    return ast.unparse(bare).removesuffix("\n    pass")


def variants(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield (operator, node to take the place of this one)."""
    for kind, found in _VARIANTS:
        if isinstance(node, kind):
            yield from found(node)


def of_comparison(node: ast.Compare) -> Iterator[tuple[str, ast.AST]]:
    """Move a bound by its equality, turn an identity, or drop an end of a chain."""
    for k, op in enumerate(node.ops):
        ops = [*node.ops[:k], COMPARISONS[type(op)](), *node.ops[k + 1 :]]
        yield "comparison", ast.Compare(node.left, ops, node.comparators)
    if len(node.ops) > 1:
        first, *rest = node.comparators
        yield "dropped bound", ast.Compare(first, node.ops[1:], rest)
        yield "dropped bound", ast.Compare(node.left, node.ops[:-1], node.comparators[:-1])


def of_constant(node: ast.Constant) -> Iterator[tuple[str, ast.AST]]:
    """Flip a truth value; move a number by one; turn its sign."""
    value = node.value
    if isinstance(value, bool):
        yield "constant", ast.Constant(not value)
    elif isinstance(value, int | float):
        moved = [value + 1] if value not in (1, 2) else [value - 1, value + 1]
        yield from (("constant", ast.Constant(x)) for x in moved)
        if value == 1:
            yield "sign", ast.UnaryOp(ast.USub(), ast.Constant(value))


def of_arithmetic(node: ast.BinOp) -> Iterator[tuple[str, ast.AST]]:
    """Exchange an operation, or drop a term of it."""
    if type(node.op) in ARITHMETIC:
        yield "arithmetic", ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)
    if isinstance(node.op, TERMS):
        yield "dropped term", node.left
    if isinstance(node.op, ast.Add | ast.Mult):
        yield "dropped term", node.right


def of_unary(node: ast.UnaryOp) -> Iterator[tuple[str, ast.AST]]:
    """Drop a sign or a negation."""
    yield ("negation" if isinstance(node.op, ast.Not) else "sign"), node.operand


def of_logic(node: ast.BoolOp) -> Iterator[tuple[str, ast.AST]]:
    """Exchange and with or; drop one of the conditions."""
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield "direction", ast.BoolOp(other, node.values)
    for k in range(len(node.values)):
        kept = [*node.values[:k], *node.values[k + 1 :]]
        yield "dropped condition", kept[0] if len(kept) == 1 else ast.BoolOp(node.op, kept)


def of_call(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    """Turn a direction, or drop the call around its argument; drop a clip at zero."""
    name = called(node)
    if name in NAMES:
        func = ast.Name(NAMES[name], ast.Load())
        yield "direction", ast.Call(func, node.args, node.keywords)
    if name in IDENTITIES:
        yield "dropped call", node.args[0]
    if name in ("min", "max") and len(node.args) == 2:
        for own, other in (node.args, node.args[::-1]):
            if not isinstance(own, ast.Starred) and not isinstance(other, ast.Starred):
                yield "dropped clip", own


def of_attribute(node: ast.Attribute) -> Iterator[tuple[str, ast.AST]]:
    """Exchange the ends of an enclosure, or floor and ceiling."""
    if node.attr in ATTRIBUTES:
        yield "direction", ast.Attribute(node.value, ATTRIBUTES[node.attr], node.ctx)


def of_choice(node: ast.If | ast.While | ast.IfExp) -> Iterator[tuple[str, ast.AST]]:
    """Negate a condition that no other operator turns."""
    turned = isinstance(node.test, ast.Compare) and not isinstance(node.test.ops[0], ORDERS)
    if turned or (isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)):
        return
    made = copy.copy(node)
    made.test = ast.UnaryOp(ast.Not(), node.test)
    yield "negation", made


def of_comprehension(node: ast.comprehension) -> Iterator[tuple[str, ast.AST]]:
    """Drop the conditions of a comprehension."""
    if node.ifs:
        yield "dropped condition", ast.comprehension(node.target, node.iter, [], node.is_async)


def of_step(node: ast.AugAssign) -> Iterator[tuple[str, ast.AST]]:
    """Drop a step, or take it the other way."""
    yield "dropped statement", ast.Pass()
    if type(node.op) in ARITHMETIC:
        yield "arithmetic", ast.AugAssign(node.target, ARITHMETIC[type(node.op)](), node.value)


def of_statement(node: ast.Expr) -> Iterator[tuple[str, ast.AST]]:
    """Drop a guard, or a call made for its effect."""
    if isinstance(node.value, ast.Call) and "super()" not in ast.unparse(node):
        guard = called(node.value) == "demand"
        yield ("dropped guard" if guard else "dropped statement"), ast.Pass()


_VARIANTS = (
    (ast.Compare, of_comparison),
    (ast.Constant, of_constant),
    (ast.BinOp, of_arithmetic),
    (ast.UnaryOp, of_unary),
    (ast.BoolOp, of_logic),
    (ast.Call, of_call),
    (ast.Attribute, of_attribute),
    (ast.If | ast.While | ast.IfExp, of_choice),
    (ast.comprehension, of_comprehension),
    (ast.AugAssign, of_step),
    (ast.Expr, of_statement),
)
