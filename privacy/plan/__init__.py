"""What an erasure of one person would do, computed before anything is changed."""
