"""From a resolved request to pictures: models in memory, the runs, and what each step shows."""
