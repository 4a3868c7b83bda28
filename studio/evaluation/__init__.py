"""What ``stepwise evaluate`` measures."""
