"""How the window looks: colours, sizes, style sheet and icons."""
