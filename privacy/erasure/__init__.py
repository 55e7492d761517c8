"""The erasure of one person, step by step, and what follows it."""
