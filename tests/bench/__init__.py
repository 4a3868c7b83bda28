"""Speed, measured side by side: ``python -m tests.bench [NAME ...]`` prints JSON. No part of the suite."""
