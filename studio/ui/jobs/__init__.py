"""Jobs and recorded runs: the sessions, the queue, and the settings, texts and widgets that several features share."""
