resource "aws_elasticache_replication_group" "this" {
  replication_group_id = var.prefix
  description          = "Cache and shared state of ${var.prefix}"
  engine               = "redis"
  engine_version       = "7.1"
  node_type            = var.node_type
  port                 = 6379
  parameter_group_name = aws_elasticache_parameter_group.this.name

  num_node_groups            = var.shards
  replicas_per_node_group    = var.replicas
  automatic_failover_enabled = true
  multi_az_enabled           = var.replicas > 0
  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [var.security_group_id]

  at_rest_encryption_enabled = true
  kms_key_id                 = var.kms_key_arn
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  auth_token                 = var.auth_token
  auth_token_update_strategy = "ROTATE"

  snapshot_retention_limit   = 7
  snapshot_window            = "02:00-03:00"
  maintenance_window         = "sun:03:30-sun:05:00"
  auto_minor_version_upgrade = true
  apply_immediately          = false
  final_snapshot_identifier  = "${var.prefix}-final"

  dynamic "log_delivery_configuration" {
    for_each = aws_cloudwatch_log_group.this

    content {
      destination      = log_delivery_configuration.value.name
      destination_type = "cloudwatch-logs"
      log_format       = "json"
      log_type         = log_delivery_configuration.key
    }
  }

  lifecycle {
    ignore_changes = [auth_token]
  }
}

resource "aws_elasticache_parameter_group" "this" {
  name        = var.prefix
  family      = "redis7"
  description = "Redis cluster of ${var.prefix}"

  parameter {
    name  = "cluster-enabled"
    value = "yes"
  }

  # Cached values have a time to live and may go; events that wait to be published have none.
  parameter {
    name  = "maxmemory-policy"
    value = "volatile-lru"
  }
}

resource "aws_elasticache_subnet_group" "this" {
  name        = var.prefix
  description = "Private subnets of ${var.prefix}"
  subnet_ids  = var.subnet_ids
}

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_338: how long logs are kept is a choice of each environment
  for_each = toset(["engine-log", "slow-log"])

  name              = "/${var.prefix}/redis/${each.key}"
  retention_in_days = var.log_retention
  kms_key_id        = var.kms_key_arn
}
