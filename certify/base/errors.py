"""The caller's mistakes, each a sentence with the wrong value in it."""


class InputError(ValueError):
    """The input is wrong: what was wanted, and what was got."""


class NotCoveredError(ValueError):
    """The proved checker does not know this question or proof; the kernel may."""


class OutOfScopeError(ValueError):
    """The theory does not cover the question; the message names the cure."""
