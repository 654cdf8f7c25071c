"""The implementation of shop.orders.v1.OrderService."""
