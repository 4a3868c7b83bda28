"""From a resolved request to pictures: loaded models, runs, and previews."""
