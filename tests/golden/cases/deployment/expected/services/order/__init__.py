"""The implementation of shop.order.v1.OrderService."""
