"""Which labels are wrong, as far as experts that have not seen a row's label can tell. Needs no torch."""
