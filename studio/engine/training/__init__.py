"""A training: from a request to a stream of events and a finished model."""
