"""Settings: what each one is, which are wrong, and how to read them. Needs neither Spark nor Ray."""
