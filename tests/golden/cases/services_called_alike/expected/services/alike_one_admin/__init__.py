"""The implementation of alike.one.v1.AdminService."""
