"""Factors in coordinates where penalties are smooth and cones are bounds."""
