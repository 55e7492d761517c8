"""The plan of an erasure, computed before anything is changed, and its texts for people."""
