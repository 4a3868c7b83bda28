"""The first start: use the models that are there, try the one in the box, or download one."""
