"""The implementation of shop.stock.v1.StockService."""
