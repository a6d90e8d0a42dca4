"""Which labels are confused with each other, with evidence, and which rows are probably labelled wrong."""
