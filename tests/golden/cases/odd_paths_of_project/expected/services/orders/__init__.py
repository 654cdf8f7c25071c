"""The implementation of acme.paths.y2024.OrdersService."""
