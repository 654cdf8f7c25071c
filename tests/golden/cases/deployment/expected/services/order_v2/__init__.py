"""The implementation of shop.order.v2.OrderService."""
