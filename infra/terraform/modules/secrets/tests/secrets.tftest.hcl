provider "aws" {
  region = "eu-central-1"
}

variables {
  prefix          = "shop-dev"
  nats_users      = ["order", "stock", "operator"]
  service_secrets = ["order"]
  redis           = true
}

run "secrets" {
  command = plan

  assert {
    condition     = [for secret in concat(values(aws_secretsmanager_secret.nats), values(aws_secretsmanager_secret.service), aws_secretsmanager_secret.redis) : secret.name] == ["shop-dev/nats/operator", "shop-dev/nats/order", "shop-dev/nats/stock", "shop-dev/services/order", "shop-dev/redis"]
    error_message = "The secrets have other names than those that services read."
  }

  assert {
    condition     = aws_kms_key.secrets.enable_key_rotation && aws_kms_key.data.enable_key_rotation
    error_message = "A key is never changed."
  }
}

run "keys" {
  command = apply

  assert {
    condition     = alltrue([for secret in concat(values(aws_secretsmanager_secret.nats), values(aws_secretsmanager_secret.service), aws_secretsmanager_secret.redis) : secret.kms_key_id == aws_kms_key.secrets.arn])
    error_message = "A secret is not encrypted with the key of secrets."
  }
}
