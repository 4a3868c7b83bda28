"""The look of the window: colours, sizes, style sheet and icons."""
