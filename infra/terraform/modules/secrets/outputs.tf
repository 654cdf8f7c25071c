output "data_key_arn" {
  description = "The key of logs, disks and buckets."
  value       = aws_kms_key.data.arn
}

output "secrets_key_arn" {
  description = "The key of secrets."
  value       = aws_kms_key.secrets.arn
}

output "nats_secret_arns" {
  description = "Secrets of the users of NATS."
  value       = { for user, secret in aws_secretsmanager_secret.nats : user => secret.arn }
}

output "service_secret_arns" {
  description = "Secrets of services' own."
  value       = { for user, secret in aws_secretsmanager_secret.service : user => secret.arn }
}

output "redis_secret_arn" {
  description = "The secret with the address of Redis; empty where there is none."
  value       = one(aws_secretsmanager_secret.redis[*].arn) == null ? "" : aws_secretsmanager_secret.redis[0].arn
}
