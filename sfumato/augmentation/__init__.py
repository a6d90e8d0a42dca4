"""New texts from old ones by rules: marks, swaps, deletions and synonyms. Needs no torch."""
