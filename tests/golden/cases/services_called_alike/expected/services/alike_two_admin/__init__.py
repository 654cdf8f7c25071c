"""The implementation of alike.two.v1.AdminService."""
