"""Jobs and recorded runs: the session, the queue, the state of a job, and what several features show of them."""
