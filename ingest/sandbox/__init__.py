"""The sandbox company: a simulated business behind the vendors' own API shapes."""
