"""The papers' tables: a TOML file to runs, and the lines of the runs to a table beside the published numbers."""
