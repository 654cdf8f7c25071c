"""The certificates of nodes and users: made, renewed in time, and signed by a CA of one's own."""
