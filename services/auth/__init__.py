"""The implementation of bodybroker.auth.v1.AuthService."""
