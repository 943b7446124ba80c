"""The calls of a user: check, improve, restarts, comparison and norms of tensors."""
