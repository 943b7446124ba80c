"""Rules: each proves a bound from a witness, and its docstring has the proof."""
