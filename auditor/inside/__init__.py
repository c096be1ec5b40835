"""Inside: what to run (constant argv) and what it means (pure parser), per subject."""
