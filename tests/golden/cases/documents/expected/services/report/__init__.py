"""The implementation of shop.stock.v1.ReportService."""
