output "cluster_arn" {
  description = "The cluster."
  value       = aws_ecs_cluster.this.arn
}

output "cluster" {
  description = "Its name."
  value       = aws_ecs_cluster.this.name
}

output "service_arns" {
  description = "The services, by user."
  value       = { for user, service in aws_ecs_service.this : user => service.id }
}

output "assume_role_policy" {
  description = "Who may take a role of a task."
  value       = local.assume
}

output "run_task" {
  description = "Where a tool runs, for `aws ecs run-task`."
  value = {
    cluster        = aws_ecs_cluster.this.name
    subnets        = local.subnets
    security_group = var.security_group_ids["tasks"]
  }
}

output "gateway_balancer_arn" {
  description = "The load balancer of the gateway, for a firewall; null where there is none."
  value       = one(values(aws_lb.gateway)[*].arn)
}
