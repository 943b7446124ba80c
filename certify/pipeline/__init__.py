"""What a caller asks for: check, improve, restarts, comparison and norms of tensors."""
