"""What one run leaves for the next, so that only what changed is compiled and rendered again.

What is kept never decides what a result is: each part is taken only where everything that it was
made from is the same, and whatever is damaged, older or of another machine is passed over.
"""
