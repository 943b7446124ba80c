"""What every statement keeps, as assertions on its module; also on one whose source is changed."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import HealthCheck, given, seed, settings

SHIFT = Fraction(1, 10**6)


def shifted(check):
    """Return the check with its right side moved by a relative 1e-6, each way that is bad."""
    by = SHIFT * abs(check.right)
    ways = (by, -by) if check.relation == "==" else (-by,)
    return [replace(check, right=check.right + way) for way in ways]


def flat(names):
    return [n for part in names for n in ([part] if isinstance(part, str) else part)]


def named(module):
    """Return the checks of the named instances."""
    return [c for c in module.fixed() if not c.dropped]


def drawn(module, examples):
    """Return the checks of drawn instances, always the same ones."""
    found = []

    @seed(0)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(module.INSTANCES)
    def one(instance):
        found.extend(c for c in module.sides(instance) if not c.dropped)

    one()
    return found


def is_tight(module, claims):
    """Assert that a relative millionth breaks each claim at a named instance."""
    checks = named(module)
    for claim in claims:
        of_claim = [c for c in checks if c.claim == claim]
        assert any(not s.true() for c in of_claim for s in shifted(c)[:1]), claim
        assert any(not s.true() for c in of_claim for s in shifted(c)[-1:]), claim


def is_as_strong_as_it_shows(checks):
    """Assert that a claim's relation is not weaker than all its instances are."""
    shown = {}
    for c in checks:
        shown.setdefault((c.claim, c.relation), set()).add((c.left > c.right) - (c.left < c.right))
    for (claim, relation), signs in shown.items():
        if relation != "==":
            assert signs != {0}, f"{claim}: always equal"
        if relation == "<=":
            assert 0 in signs, f"{claim}: never equal"


def needs_are_shown(module, broken):
    """Assert that each hypothesis has a counterexample that keeps the others, or says why not."""
    needs = module.STATEMENT.needs
    claims = {c.claim for c in module.fixed()}
    examples = list(module.counterexamples())
    for example in examples:
        check = broken(module, example)  # each other hypothesis proved, this one refuted
        assert check.claim in claims  # the statement's own relation fails
    shown = {e.dropped for e in examples}
    told = {k for k, text in needs.items() if text.startswith("no counterexample")}
    assert shown | told == set(needs) == set(module.HYPOTHESES)
    assert shown & told == set()
    assert set(module.STATEMENT.rests) <= claims
    parts = (*module.STATEMENT.rests.values(), *module.STATEMENT.implies.items())
    assert {n for part in parts for n in flat(part)} <= set(needs)


def relations_agree(module):
    """Assert that a claim and its counterexamples are one relation."""
    relations = {}
    lost = (e.conclusion(e.instance) for e in module.counterexamples())
    for check in (*module.fixed(), *lost):
        relations.setdefault(check.claim, set()).add(check.relation)
    assert {claim: found for claim, found in relations.items() if len(found) > 1} == {}
