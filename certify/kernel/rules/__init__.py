"""Rules: each proves a bound from a witness, and carries its proof in its docstring."""
