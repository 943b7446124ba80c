"""Convex relaxations of the polar, their first-order methods, and the leaves that they prove."""
