output "endpoint" {
  description = "The host that clients begin with; it tells them of the shards."
  value       = aws_elasticache_replication_group.this.configuration_endpoint_address
}
