"""Train look-up-table networks without derivatives and run them on small FPGAs."""
