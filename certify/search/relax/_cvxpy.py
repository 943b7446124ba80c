"""cvxpy, as Any: its annotations leave out most of its functions."""

from typing import Any, TypeAlias

import cvxpy

cp: Any = cvxpy
Expression: TypeAlias = Any  # an expression, a constraint or a problem of cvxpy
