"""The market: the double auction on an Ethereum chain, its schedule, and its settlement."""
