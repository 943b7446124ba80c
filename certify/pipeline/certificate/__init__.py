"""Certificates: the question, the file, its verification, and what the kernel covers."""
