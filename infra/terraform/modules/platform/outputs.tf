output "cluster" {
  description = "The ECS cluster."
  value       = module.ecs.cluster
}

output "nats_url" {
  description = "What services connect to."
  value       = module.nats.url
}

output "nats_bucket" {
  description = "The bucket of NATS: put keys.conf and nats-server-<SHA-256> there."
  value       = module.nats.bucket
}

output "nats_user_data" {
  description = "What each NATS node starts with, by its name."
  value       = module.nats.user_data
}

output "redis_endpoint" {
  description = "The host of the Redis cluster; null where there is none."
  value       = one(module.redis[*].endpoint)
}

output "certificate_authority_arn" {
  description = "The private CA."
  value       = module.certificates.authority_arn
}

output "alerts_topic_arn" {
  description = "The topic that alerts are told to."
  value       = module.monitoring.alerts_topic_arn
}

output "prometheus_endpoint" {
  description = "Where metrics are read."
  value       = module.monitoring.prometheus_endpoint
}

output "run_task" {
  description = "Where a tool runs, for `aws ecs run-task`."
  value       = module.ecs.run_task
}

output "gateway_balancer_arn" {
  description = "The load balancer of the gateway, for a firewall; null where there is none."
  value       = module.ecs.gateway_balancer_arn
}

output "rotation_task_definition" {
  description = "What people start to rotate keys, with another command."
  value       = module.rotation.task_definition
}
