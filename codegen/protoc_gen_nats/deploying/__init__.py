"""What deployments are made of: how two of them differ, and what is filled into one."""
