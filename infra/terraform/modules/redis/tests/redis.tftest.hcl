provider "aws" {
  region = "eu-central-1"
}

variables {
  prefix            = "shop-production"
  node_type         = "cache.r7g.large"
  shards            = 3
  replicas          = 1
  subnet_ids        = ["subnet-a", "subnet-b", "subnet-c"]
  security_group_id = "sg-redis"
  kms_key_arn       = "arn:aws:kms:eu-central-1:123456789012:key/data"
  auth_token        = "0123456789abcdef0123456789abcdef"
  log_retention     = 90
}

run "three_shards_of_two" {
  command = plan

  assert {
    condition     = aws_elasticache_replication_group.this.transit_encryption_enabled && aws_elasticache_replication_group.this.transit_encryption_mode == "required"
    error_message = "Clients may talk to Redis without TLS."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.at_rest_encryption_enabled == "true" && aws_elasticache_replication_group.this.kms_key_id == var.kms_key_arn
    error_message = "Data at rest are not encrypted with the key."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.auth_token == var.auth_token
    error_message = "Clients need no token."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.num_node_groups == 3 && aws_elasticache_replication_group.this.replicas_per_node_group == 1
    error_message = "The cluster has another shape than was asked for."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.automatic_failover_enabled && aws_elasticache_replication_group.this.multi_az_enabled
    error_message = "The cluster does not outlive the loss of a zone."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.snapshot_retention_limit >= 7
    error_message = "Snapshots are kept for less than a week."
  }

  assert {
    condition     = contains([for parameter in aws_elasticache_parameter_group.this.parameter : "${parameter.name}=${parameter.value}"], "maxmemory-policy=volatile-lru")
    error_message = "Redis may throw away what has no time to live."
  }
}

run "without_replicas" {
  command = plan

  variables {
    replicas = 0
  }

  assert {
    condition     = !aws_elasticache_replication_group.this.multi_az_enabled
    error_message = "ElastiCache refuses Multi-AZ without replicas."
  }
}

run "a_short_token" {
  command = plan

  variables {
    auth_token = "short"
  }

  expect_failures = [var.auth_token]
}
