"""The cache: in the memory of an instance, over Redis, which the instances share."""
